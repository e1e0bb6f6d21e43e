"""Compares the algorithms of the search on recorded trainings: `python benchmarks/replay.py`.

Each row is an algorithm, or the default with one ingredient left out. A search sees noisy qualities; of the frontier
that it reports, the noiseless qualities count: hypervolume in one box, as a share of the best frontier that all
searches together found. The report in `docs/reports/replay.md` gives means over the seeds and intervals of 95 %.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import moocore
import numpy as np
import selection
from numpy.typing import NDArray
from replaying import attainment as attained
from replaying.oracle import FULL, PLAN, fingerprint, oracle
from replaying.report import plotted, written
from replaying.simulation import SHORT, half_interval, planned, simulated

from evaluator.metrics import PARAMETERS

Floats = NDArray[np.float64]

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "replay.md"
PICTURES = REPORT.with_name("pictures")
ATTAINMENT = PICTURES / "attainment.png"
FIGURES = Path(__file__).parent / "data" / "replay.json"
AT = (20, 40, 80, 160)
"""Evaluations after which the frontiers are compared."""

RUNG: dict[str, Any] = {"rungs": {"tokens": [SHORT], "promoted": 0.25}, "candidates": 400}
"""A quarter of the tokens first; a quarter of the candidates goes on."""

DEFAULT = "surrogate (default)"
CHOOSING = "search.algorithms.surrogate"
ALGORITHMS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "random": {"algorithm": "random"},
    "nsga2": {"algorithm": "nsga2"},
    "star, population 16": {"algorithm": "star", "population": 16},
    "aging": {"algorithm": "aging"},
    "random after stacks": {"algorithm": "random", "stacks": 0.1},
    "nsga2 after stacks": {"algorithm": "nsga2", "stacks": 0.1},
    "default after stacks": {"stacks": 0.1},
    "default with a rung at a quarter": RUNG,
    "random with a rung at a quarter": {**RUNG, "algorithm": "random"},
    "default with repeats": {"repeats": 0.1},
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

ATTAINED = (DEFAULT, "random", "nsga2")
"""Rows whose frontiers are shown."""

ROWS = (*ALGORITHMS, *WITHOUT, SHUFFLED)


def searched(name: str, seed: int) -> dict[str, Any]:
    """Run one search; return its volumes, all noiseless outcomes, its frontiers at `AT`, and the time of an ask."""
    plan = planned(**{"candidates": AT[-1], "seed": seed, **ALGORITHMS.get(name, {})})
    volumes: list[float] = []
    best: list[float] = []
    seconds: list[tuple[float, float]] = []
    frontiers: dict[str, list[list[float]]] = {}
    with ExitStack() as stack:
        for constant, value in WITHOUT.get(name, {}).items():
            stack.enter_context(patch(f"{CHOOSING}.{constant}", value))
        for now in simulated(plan, shuffles=name == SHUFFLED):
            seconds.append(now.seconds)
            while len(volumes) < min(now.spent // FULL, AT[-1]):
                volumes.append(now.volume())
                best.append(min((row[0] for row in now.true), default=np.nan))
                if len(volumes) in AT:
                    frontiers[str(len(volumes))] = now.frontier().tolist()
            if len(volumes) == AT[-1]:
                break
    return {
        "row": name,
        "seed": seed,
        "volumes": volumes,
        "best": best,
        "true": now.true,
        "frontiers": frontiers,
        "seconds": np.median(seconds, axis=0).tolist(),
    }


def run(rows: tuple[str, ...], seeds: int, workers: int, kept: Path | None = None) -> list[dict[str, Any]]:
    """Run every row with every seed, and print progress.

    Args:
        kept: a file to which every search is appended; those that it holds already are not run again.

    Returns:
        All searches of the call and of the file, so that rows may be added one after another.
    """
    lines = kept.read_text(encoding="utf-8").splitlines() if kept and kept.exists() else []
    held = {(one["row"], one["seed"]): one for one in map(json.loads, lines)}
    jobs = [(name, seed) for seed in range(seeds) for name in rows]
    results = list(held.values())
    ahead = len(results) - sum(job in held for job in jobs)
    with ProcessPoolExecutor(workers) as pool, (kept or Path(os.devnull)).open("a", encoding="utf-8") as file:
        futures = [pool.submit(searched, *job) for job in jobs if job not in held]
        for future in futures:
            results.append(future.result())
            file.write(json.dumps(results[-1]) + "\n")
            file.flush()
            if len(results) % len(rows) == 0:
                print(f"{len(results) - ahead} of {len(jobs)} searches", flush=True)
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
        "best": best,
        "attainment": {
            name: {
                at: attainment([np.array(one["frontiers"][str(at)]) for one in by_row[name]]) for at in (AT[1], AT[-1])
            }
            for name in ATTAINED
            if by_row[name]
        },
        "rows": {
            name: {
                "seeds": len(share),
                "mean": {at: float(share[:, at - 1].mean()) for at in AT},
                "half": {at: half_interval(share[:, at - 1]) for at in AT},
                "reaches": {at: _first(share.mean(0), rival[at - 1]) for at in AT},
                "quality": float(np.nanmean([one["best"][AT[-2] - 1] for one in by_row[name]])),
                "seconds": np.median([one["seconds"] for one in by_row[name]], axis=0).tolist(),
                "curve": share.mean(0).tolist(),
            }
            for name, share in shares.items()
        },
    }


def attainment(frontiers: list[Floats]) -> list[list[float]]:
    """Return the median attainment curve of the parameters and the quality of frontiers."""
    columns = [PLAN.objectives.index(PARAMETERS.name), 0]
    curve: list[list[float]] = attained.median_curve([points[:, columns] for points in frontiers]).round(4).tolist()
    return curve


def _first(curve: Floats, target: float) -> int | None:
    reached = np.flatnonzero(curve >= target)
    return int(reached[0]) + 1 if len(reached) else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", nargs="*", default=ROWS, help="names of rows; random is always among them")
    parser.add_argument("--kept", type=Path, help="a file of searches, which go on from there; delete it for new ones")
    parser.add_argument("--write", action="store_true", help="write the report, its pictures, and all figures")
    arguments = parser.parse_args()
    names = tuple(dict.fromkeys(["random", *arguments.rows]))
    results = run(names, arguments.seeds, arguments.workers, arguments.kept)
    found = summary(results) | {"selection": selection.compared(arguments.seeds, arguments.workers)}
    page = written(found, AT) + attained.section(found["attainment"], f"{PICTURES.name}/{ATTAINMENT.name}")
    page += selection.section(found["selection"], found["best"])
    print(page)
    if arguments.write:
        REPORT.write_text(page, encoding="utf-8")
        FIGURES.write_text(json.dumps(found) + "\n", encoding="utf-8")
        plotted(found, PICTURES / "replay.png", tuple(ALGORITHMS))
        attained.plotted(found["attainment"], ATTAINMENT)
