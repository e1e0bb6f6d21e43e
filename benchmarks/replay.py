"""Compares the algorithms of the search on recorded trainings: `python benchmarks/replay.py`.

Each row is an algorithm, or the default with one ingredient left out. A search sees noisy qualities; of the frontier
that it reports, the noiseless qualities count: hypervolume in one box, as a share of the best frontier that all
searches together found. The report in `docs/replay.md` gives means over the seeds and intervals of 95 %.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import moocore
import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from oracle import FULL, PLAN, fingerprint, oracle
from replay_report import plotted, written
from scipy.stats import t as student

from search.algorithms.algorithm import Outcome
from search.evolution.evolve import Evolution
from search.plan import Plan

Floats = NDArray[np.float64]

REPORT = Path(__file__).parents[1] / "docs" / "replay.md"
FIGURES = Path(__file__).parent / "data" / "replay.json"
AT = (20, 40, 80, 160)
"""Evaluations after which the frontiers are compared."""

DEFAULT = "surrogate (default)"
CHOOSING = "search.algorithms.surrogate"
ALGORITHMS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "random": {"algorithm": "random", "stacks": 0},
    "nsga2": {"algorithm": "nsga2", "stacks": 0},
    "star, population 16": {"algorithm": "star", "stacks": 0, "population": 16},
    "aging": {"algorithm": "aging", "stacks": 0},
    "random after stacks": {"algorithm": "random"},
    "nsga2 after stacks": {"algorithm": "nsga2"},
    "default without stacks": {"stacks": 0},
}
"""Changes of the plan."""

WITHOUT: dict[str, dict[str, Any]] = {
    "default without known costs": {"STATIC": frozenset()},
    "default without exploration": {"EXPLORATION": 0.0},
    "default without random genomes in the pool": {"SAMPLES": 0},
    "default with a pool of 32": {"POOL": ((1.0, 16), (3.0, 8)), "SAMPLES": 8},
    "default with a pool of 1": {"POOL": ((1.0, 1),), "SAMPLES": 0},
}
"""Constants of the surrogate search that are replaced."""

SHUFFLED = "default taught shuffled qualities"
"""A control: a model that learns nothing true must not beat random sampling."""

ROWS = (*ALGORITHMS, *WITHOUT, SHUFFLED)


def searched(name: str, seed: int) -> dict[str, Any]:
    """Run one search; return the noiseless points of its frontiers at `AT`, their volumes, and seconds of asks."""
    changes = {"candidates": AT[-1], "seed": seed, **ALGORITHMS.get(name, {})}
    plan = Plan.model_validate({**PLAN.model_dump(mode="json"), **changes})
    with ExitStack() as stack:
        for constant, value in WITHOUT.get(name, {}).items():
            stack.enter_context(patch(f"{CHOOSING}.{constant}", value))
        return {"row": name, "seed": seed, **_run(plan, shuffles=name == SHUFFLED)}


def _run(plan: Plan, *, shuffles: bool) -> dict[str, Any]:
    truth, rng = oracle(), np.random.default_rng([plan.seed, 1])
    evolution = Evolution(plan, Generator(PCG64(plan.seed)), truth.costs)
    seen: list[list[float]] = []
    true: list[list[float]] = []
    volumes, seconds = [], []
    for number in range(1, plan.candidates + 1):
        began = time.perf_counter()
        evolution.prepare()
        prepared = time.perf_counter()
        proposal = evolution.ask()
        seconds.append((prepared - began, time.perf_counter() - prepared))
        assert proposal is not None
        costs = [proposal.costs[metric] for metric in plan.objectives[1:]]
        quality = truth.quality(str(proposal.genome))
        true.append([quality, *costs])
        seen.append([quality + truth.noise * rng.standard_normal(), *costs])
        told = [seen[int(rng.integers(number))][0], *costs] if shuffles else seen[-1]
        evolution.tell(Outcome(number, proposal.genome, told))
        volumes.append(truth.hypervolume(np.array(true)[moocore.is_nondominated(np.array(seen))]))
    return {"volumes": volumes, "true": true, "seconds": np.median(seconds, axis=0).tolist()}


def run(rows: tuple[str, ...], seeds: int, workers: int) -> list[dict[str, Any]]:
    """Run every row with every seed, and print progress."""
    results = []
    with ProcessPoolExecutor(workers) as pool:
        futures = [pool.submit(searched, name, seed) for seed in range(seeds) for name in rows]
        for n, future in enumerate(futures, 1):
            results.append(future.result())
            if n % len(rows) == 0:
                print(f"{n} of {len(futures)} searches", flush=True)
    return results


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return for each row the mean share of the best hypervolume with its interval, and when it reaches random."""
    every = np.concatenate([one["true"] for one in results])
    best = oracle().hypervolume(every[moocore.is_nondominated(every)])
    by_row = {name: [one for one in results if one["row"] == name] for name in ROWS}
    shares = {name: np.array([one["volumes"] for one in found]) / best for name, found in by_row.items() if found}
    rival = shares["random"].mean(0)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "file": fingerprint(),
        "trainings": oracle().trainings,
        "agreement": oracle().agreement,
        "noise": oracle().noise,
        "seeds": len(by_row["random"]),
        "tokens": FULL,
        "rows": {
            name: {
                "mean": {at: float(share[:, at - 1].mean()) for at in AT},
                "half": {at: _half_interval(share[:, at - 1]) for at in AT},
                "reaches": {at: _first(share.mean(0), rival[at - 1]) for at in AT},
                "quality": float(np.mean([np.min([p[0] for p in one["true"][:80]]) for one in by_row[name]])),
                "seconds": np.median([one["seconds"] for one in by_row[name]], axis=0).tolist(),
                "curve": share.mean(0).tolist(),
            }
            for name, share in shares.items()
        },
    }


def _half_interval(values: Floats) -> float:
    """Return half the width of the 95 % interval of a mean."""
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def _first(curve: Floats, target: float) -> int | None:
    reached = np.flatnonzero(curve >= target)
    return int(reached[0]) + 1 if len(reached) else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", nargs="*", default=ROWS, help="names of rows; random is always among them")
    parser.add_argument("--write", action="store_true", help="write docs/replay.md, its picture, and all figures")
    arguments = parser.parse_args()
    found = summary(run(tuple(dict.fromkeys(["random", *arguments.rows])), arguments.seeds, arguments.workers))
    print(written(found, AT))
    if arguments.write:
        REPORT.write_text(written(found, AT), encoding="utf-8")
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        plotted(found, REPORT.with_suffix(".png"), tuple(ALGORITHMS))
