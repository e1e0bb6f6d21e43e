"""Measures the search as an engine for many workers: `python benchmarks/engine.py`.

Busy workers: 16 simulated workers train for log-normal durations in simulated time. The search is real; so is the time
that it takes to propose and to breed ahead, during which, as in the runner, nobody else gets a genome. Results a
second: the real runner records results in a SQLite archive, from workers that need no time. The report is
`docs/reports/engine.md`.
"""

from __future__ import annotations

import argparse
import heapq
import json
import resource
import tempfile
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.random import PCG64, Generator
from replaying.oracle import oracle
from replaying.simulation import planned
from reports.engine import written

from evaluator.evaluation import Evaluation, Request
from genome import Genome, Space
from search.algorithms.algorithm import Costs, CostsOf, Outcome
from search.archive import Archive
from search.costs import costs_of, reference
from search.evolution.evolve import Evolution
from search.plan import Plan
from search.run.runner import Runner

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "engine.md"
FIGURES = Path(__file__).parent / "data" / "engine.json"

WORKERS = 16
CANDIDATES = 240
SEEDS = {"surrogate": 3, "nsga2": 20, "random": 20, "star": 20}
"""Searches of each algorithm; `star` waits for every generation."""

MEDIAN = 30.0
"""Median duration of a training in seconds, about that of the `laptop` preset on one core."""

SIGMA = 1.0
"""Standard deviation of the logarithm of the durations."""

FIRST = (16, 48, 80, 160)
"""Numbers of results after which the bias towards quick candidates is measured."""


def worked(algorithm: str, seed: int, candidates: int = CANDIDATES) -> dict[str, Any]:
    """Run one search with simulated workers.

    Returns:
        `busy`: the share of the time in which workers trained, until the last candidate began; `busy_to_end`: until
        the last one ended. `bias`: the mean duration of the first results divided by that of all candidates. `ask`: the
        median seconds of a proposal.
    """
    plan = planned(algorithm=algorithm, candidates=candidates, population=WORKERS, seed=seed)
    truth = oracle()
    evolution = Evolution(plan, Generator(PCG64(seed)), truth.costs)
    durations = np.random.default_rng([seed, 2]).lognormal(np.log(MEDIAN), SIGMA, candidates)
    under_way: list[tuple[float, int, Genome, Costs]] = []
    spans, finished, asks = [], [], []
    clock = 0.0
    while True:
        while len(under_way) < WORKERS and evolution.proposed < candidates:
            proposal, seconds = _timed(evolution.ask)
            clock += seconds
            if proposal is None:
                break
            asks.append(seconds)
            number = evolution.proposed
            spans.append((clock, clock + durations[number - 1]))
            heapq.heappush(under_way, (spans[-1][1], number, proposal.genome, proposal.costs))
        if not under_way:
            break
        if evolution.proposed < candidates:
            clock += _timed(evolution.prepare)[1]
        end, number, genome, costs = heapq.heappop(under_way)
        clock = max(clock, end)
        finished.append(durations[number - 1])
        quality = truth.quality(str(genome))
        evolution.tell(Outcome(number, genome, [quality, *(costs[name] for name in plan.objectives[1:])]))
    begun, ended = np.array(spans).T
    last = begun.max()
    return {
        "busy": float((np.minimum(ended, last) - begun).sum() / (WORKERS * last)),
        "busy_to_end": float((ended - begun).sum() / (WORKERS * ended.max())),
        "bias": [float(np.mean(finished[:count]) / durations.mean()) for count in FIRST],
        "ask": float(np.median(asks)),
        "hours": float(ended.max() / 3600),
    }


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


class Instant:
    """An evaluator whose results need no time; the oldest request ends first.

    Attributes:
        submitted, collected: when requests came and results went; rows of wall time and processor time.
    """

    def __init__(self, capacity: int, known: dict[str, Costs]) -> None:
        self.capacity = capacity
        self.submitted: list[tuple[float, float]] = []
        self.collected: list[tuple[float, float]] = []
        self._known = known
        self._queue: deque[Request] = deque()

    @property
    def busy(self) -> int:
        return len(self._queue)

    def submit(self, request: Request) -> None:
        self.submitted.append((time.perf_counter(), time.process_time()))
        self._queue.append(request)

    def collect(self, timeout: float) -> list[Evaluation]:
        request = self._queue.popleft()
        costs = self._known.pop(request.genome)
        metrics = {**costs, request.task.metric.name: 3 + crc32(request.genome.encode()) / 2**32}
        self.collected.append((time.perf_counter(), time.process_time()))
        return [Evaluation.of(request, metrics=metrics)]

    def close(self) -> None:
        self._queue.clear()


def recorded(in_flight: int, results: int) -> dict[str, Any]:
    """Run one job of random genomes through a runner and an archive, with so many candidates in flight.

    Returns:
        `begun` and `results`: candidates and results in a second, and in a second of processor time; `begun` counts
        what began before the first result. `megabytes`: growth of the process.
    """
    known: dict[str, Costs] = {}

    def remembering(plan: Plan) -> CostsOf:
        exact = costs_of(plan)

        def costs(genome: Genome, space: Space) -> Costs:
            known[str(genome)] = found = exact(genome, space)
            return found

        return costs

    evaluator = Instant(in_flight, known)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(f"sqlite:///{folder}/star.db")
        archive.migrate()
        archive.create_job(planned(algorithm="random", candidates=in_flight + results), "engine")
        Runner(archive, lambda: evaluator, folder, reference, remembering, "engine").run_until_idle()
        (job,) = archive.jobs(1).items
        archive.close()
    assert job.done == in_flight + results
    return {
        "in_flight": in_flight,
        "begun": _rates(evaluator.submitted[:in_flight]),
        "results": _rates(evaluator.collected[:results]),
        "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


def _rates(times: list[tuple[float, float]]) -> list[float]:
    elapsed_2 = np.subtract(times[-1], times[0])
    return [float((len(times) - 1) / elapsed) for elapsed in elapsed_2]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/reports/engine.md and all figures")
    arguments = parser.parse_args()
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "workers": WORKERS,
        "candidates": CANDIDATES,
        "median": MEDIAN,
        "sigma": SIGMA,
        "first": FIRST,
        "recorded": [recorded(WORKERS, 3_000), recorded(10_000, 2_000)],
        "worked": {name: [worked(name, seed) for seed in range(seeds)] for name, seeds in SEEDS.items()},
    }
    print(written(found))
    if arguments.write:
        REPORT.write_text(written(found), encoding="utf-8")
        FIGURES.write_text(json.dumps(found) + "\n", encoding="utf-8")
