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
from scipy.stats import t as student

from search.algorithms.algorithm import Outcome
from search.evolve import Evolution
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

INTRODUCTION = """# Algorithms compared by replay

`python benchmarks/replay.py` wrote this page on {date}. {seeds} seeds a row; intervals of 95 % over the seeds.

Each cell is the hypervolume of the frontier that a search reports, in one box for all rows, as a share of the best
frontier that all these searches together found. A search sees qualities with noise; the noiseless qualities count.
Costs count by their logarithm. The box ends at the median quality of random genomes. "Best quality" is the lowest
noiseless bits per byte among the first {target} trainings; "ask" is the median time until a free worker gets its next
genome, after the pool was bred while all workers were busy.

The qualities come from boosted trees over {trainings} real trainings of the `laptop` space (80 steps of 16 × 64 bytes,
`benchmarks/data/trainings.parquet`), made by `benchmarks/trainings.py`. On trainings that a fit has not seen, the
rank correlation of the trees is {agreement:.3f}. A training scatters around the mean over seeds by {noise:.3f} bits
per byte.

{table}

![Mean hypervolume against training tokens](replay.png)

One corpus, 17 classes and very short trainings: what wins here need not win elsewhere.
"""

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


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    target = AT[-2]
    head = [
        "algorithm",
        *(f"{at} trainings" for at in AT),
        f"reaches random's {target} after",
        "best quality",
        "ask, ms",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in found["rows"].items():
        shares = [f"{row['mean'][at]:.3f} ± {row['half'][at]:.3f}" for at in AT]
        reached = row["reaches"][target]
        last = [str(reached) if reached else f"more than {AT[-1]}", f"{row['quality']:.3f}"]
        last.append(f"{1e3 * row['seconds'][1]:.0f}")
        lines.append(f"| {' | '.join([name, *shares, *last])} |")
    return INTRODUCTION.format(**found, table="\n".join(lines), target=target)


def plotted(found: dict[str, Any], path: Path) -> None:
    """Draw the mean hypervolume of the algorithms against training tokens."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, row in found["rows"].items():
        if name in ALGORITHMS:
            axes.plot(FULL / 1e6 * np.arange(1, AT[-1] + 1), row["curve"], label=name)
    axes.set(xlabel="training tokens, millions", ylabel="hypervolume, share of the best known", ylim=(0, 1))
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", nargs="*", default=ROWS, help="names of rows; random is always among them")
    parser.add_argument("--write", action="store_true", help="write docs/replay.md, its picture, and all figures")
    arguments = parser.parse_args()
    found = summary(run(tuple(dict.fromkeys(["random", *arguments.rows])), arguments.seeds, arguments.workers))
    print(written(found))
    if arguments.write:
        REPORT.write_text(written(found), encoding="utf-8")
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        plotted(found, REPORT.with_suffix(".png"))
