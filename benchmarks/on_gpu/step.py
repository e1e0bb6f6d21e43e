"""Tokens a second of whole training steps of the preset `star-125m` on this machine's GPU.

    python -m benchmarks.on_gpu.step [--dry] [--json var/benchmarks/gpu_step.json]

A step is that of a candidate's training: forward, backward, clipping and optimizer, on real text. Measured are the
preset's baselines and a hybrid of Rec-1 and Mamba-2, with kernels and in PyTorch's forms, with activation checkpointing
and without. Of each it gives the tokens a second (median, least and most of some repeats, after steps that do not
count), the parts in which a batch was computed, the most memory, and the forms that ran. A model that does not fit
is recorded as that. Without a GPU nothing is measured: the command prints this and exits with status 0.
"""

from __future__ import annotations

import math
import time
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch

import star
from evaluator.tasks.loaded import LoadedTask
from evaluator.train import Training
from genome import Genome, Space, decode, named
from search.plan import Plan
from search.plan.presets import merged
from star.ops.dispatch import forced
from star.ops.forms import observed

from .place import Place, asked, spread

HYBRID = ("Rec-1", "GMemless", "Mamba-2", "GMemless")
MODES = ("auto", "torch")


class Size(NamedTuple):
    """What is trained, and how often.

    Attributes:
        uncounted: steps before the first repeat, in which kernels are compiled and the parts of a batch found.
        steps: of a repeat.
    """

    plan: Plan
    uncounted: int
    steps: int
    repeats: int

    def genomes(self) -> dict[str, Genome]:
        """Return the architectures by name."""
        cycle = [named(name).id for name in HYBRID]
        hybrid = [cycle[n % len(cycle)] for n in range(self.plan.space.depth)]
        return {**self.plan.baseline_genomes(), "Rec-1/Mamba-2 hybrid": Genome.of(hybrid)}


def full() -> Size:
    return Size(merged("star-125m", {}), uncounted=3, steps=4, repeats=5)


def tiny() -> Size:
    budget = {"steps": 4, "batch": 2, "length": 32, "warmup": 1, "validation": 2}
    changes = {"width": 32, "head_dim": 8, "space": {"depth": 4}, "budget": budget}
    return Size(merged("star-125m", changes), uncounted=1, steps=1, repeats=2)


def trained(genome: Genome, size: Size, task: LoadedTask, checkpointed: bool, place: Place) -> Training:
    """Begin a training of a fresh model."""
    blueprint = decode(genome, Space.of(depth=len(genome.segments)))
    model = star.build(blueprint, size.plan.shape, seed=0).to(place.device)
    model.checkpoint_activations = checkpointed
    return Training(model, task, size.plan.budget, np.random.default_rng(0))


def seconds_of(training: Training, steps: int, place: Place) -> float:
    """Take so many steps, and return how long the device and the host took."""
    began = time.perf_counter()
    training.run(training.step + steps, training.step + steps, math.inf)
    place.synchronise()
    return time.perf_counter() - began


def measured(training: Training, size: Size, place: Place) -> dict[str, Any]:
    """Measure a training under way.

    Raises:
        OutOfMemoryError: not even one sequence fits.
    """
    budget, on_gpu = size.plan.budget, place.device.type == "cuda"
    with observed() as forms:
        seconds_of(training, size.uncounted, place)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(place.device)
    tokens = size.steps * budget.batch * budget.length
    rates = [tokens / seconds_of(training, size.steps, place) for _ in range(size.repeats)]
    return {
        "tokens_per_second": spread(rates),
        "parts": training.parts,
        "peak_bytes": torch.cuda.max_memory_allocated(place.device) if on_gpu else None,
        "forms": sorted(map(list, forms)),
    }


def row(name: str, genome: Genome, size: Size, task: LoadedTask, place: Place, **how: Any) -> dict[str, Any]:
    """Measure one model in one mode, with or without activation checkpointing."""
    known = {"model": name, **how}
    if place.device.type == "cuda":
        torch.cuda.empty_cache()  # of the model before
    try:
        with forced(how["kernels"]):
            training = trained(genome, size, task, how["checkpointed"], place)
            return {**known, **measured(training, size, place)}
    except torch.OutOfMemoryError as error:
        return {**known, "failure": str(error).partition("\n")[0]}


def line(row: dict[str, Any]) -> str:
    how = f"{row['model']:22} {row['kernels']:6} {'checkpointed' if row['checkpointed'] else '':13}"
    if "failure" in row:
        return f"{how} {row['failure']}"
    rate, peak = row["tokens_per_second"], row["peak_bytes"]
    memory = "" if peak is None else f", at most {peak / 2**30:.1f} GiB"
    return (
        f"{how} {rate['median']:10,.0f} tokens a second ({rate['least']:,.0f} to {rate['most']:,.0f}), "
        f"parts: {row['parts']}{memory}"
    )


def main() -> None:
    place = asked(__doc__, "var/benchmarks/gpu_step.json")
    size = tiny() if place.dry else full()
    task = size.plan.task.load(size.plan.budget)
    rows = []
    for (name, genome), mode, checkpointed in product(size.genomes().items(), MODES, (False, True)):
        rows.append(row(name, genome, size, task, place, kernels=mode, checkpointed=checkpointed))
        print(line(rows[-1]), flush=True)
    place.write(rows=rows)


if __name__ == "__main__":
    main()
