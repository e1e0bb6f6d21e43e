"""Times training steps of candidates of the preset `laptop`: `python benchmarks/on_cpu/candidate_step.py`.

The candidates are random samples of its space, the same each time. With `--against`, the same candidates are trained by
the code in another checkout too: a process for each checkout takes some steps in turn, and ratios are printed. With
`--profile`, the operations are listed that take most of the time. All processes have one thread, and times are
processor time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import geometric_mean, median
from subprocess import PIPE, Popen
from typing import IO

import numpy as np
import torch

import star
from evaluator.train import Training
from genome import decode, sample
from search.plan.presets import PRESETS

PLAN = PRESETS["laptop"]
STEPS = 4
HERE = Path(__file__).resolve().parents[2]


def steps_of(number: int) -> Callable[[], float]:
    """Return a function that takes some steps with a candidate and returns the processor time of one, in ms."""
    space = PLAN.liv_space
    genome = sample(space, np.random.default_rng(number)).genome
    model = star.build(decode(genome, space), PLAN.shape, seed=number)
    training = Training(model, PLAN.task.load(PLAN.budget), PLAN.budget, np.random.default_rng(0))

    def run() -> float:
        began = time.process_time()
        training.run(training.step + STEPS, 10**6, time.monotonic() + 1000)
        return (time.process_time() - began) / STEPS * 1e3

    run()
    return run


def answer(numbers: list[int]) -> None:
    """Take steps with these candidates, one after the other, whenever a line comes: its word says which is meant."""
    torch.set_num_threads(1)
    for number in numbers:
        run = steps_of(number)
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "next":
                break
            print(run(), flush=True)


class Other:
    """A process that trains the candidates by the code of one checkout."""

    def __init__(self, checkout: Path, candidates: int) -> None:
        environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        itself = [sys.executable, __file__, "--answer", "--candidates", str(candidates)]
        self._process = Popen(  # noqa: S603
            itself, cwd=checkout, env=environment, stdin=PIPE, stdout=PIPE, text=True
        )

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def read(self) -> str:
        return self._pipe(self._process.stdout).readline().strip()

    def ask(self, word: str) -> None:
        print(word, file=self._pipe(self._process.stdin), flush=True)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def compare(checkouts: list[Path], candidates: int, pairs: int) -> None:
    """Print the time of a step of each candidate by each checkout, and the ratio of the first to the last of them."""
    with ExitStack() as stack:
        processes = [stack.enter_context(Other(checkout, candidates)) for checkout in checkouts]
        ratios = []
        for number in range(candidates):
            for process in processes:
                process.read()
            taken = np.array([[_time(process) for process in processes] for _ in range(pairs)])
            for process in processes:
                process.ask("next")
            each = taken[:, 0] / taken[:, -1]
            ratios.append(median(each))
            times = " ".join(f"{value:7.1f} ms" for value in np.median(taken, axis=0))
            print(
                f"candidate {number:2d}: {times}  ratio {ratios[-1]:.3f} ({each.min():.3f} to {each.max():.3f})",
                flush=True,
            )
        print(f"geometric mean of the ratios: {geometric_mean(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def _time(process: Other) -> float:
    process.ask("steps")
    return float(process.read())


def profile(candidates: int) -> None:
    """Print the operations that take most of the processor time of steps of all candidates."""
    torch.set_num_threads(1)
    runs = [steps_of(number) for number in range(candidates)]
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        for run in runs:
            run()
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=40))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=9, help="timings of each candidate")
    parser.add_argument("--against", type=Path, help="another checkout, in which the package is compiled in place")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.answer:
        answer(list(range(asked.candidates)))
    elif asked.profile:
        profile(asked.candidates)
    else:
        others = [] if asked.against is None else [asked.against.resolve()]
        compare([HERE, *others], asked.candidates, asked.pairs)


if __name__ == "__main__":
    main()
