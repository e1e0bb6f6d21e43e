"""Breaks everything under a search, and looks whether anything is lost: `python benchmarks/faults.py --write`.

A real search runs on SQLite, and another one on PostgreSQL: `star run` with two workers on a Ray cluster, small
trainings with a rung, repeats and an honest finish. One fault follows another, each at a random moment after at least
one outcome since the last: worker processes and runners are killed, the database is away, the store's file system is
full, the machine of the workers is lost, and at last the Ray head. Then the search runs to its end and its rows are
audited. The report is `docs/reports/faults.md`. Only root can mount the small file system that becomes full; for other
users that fault is left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from breaking.audit import audited
from breaking.databases import DATABASES, database
from breaking.report import written
from breaking.stage import Stage, small_file_system

from search.plan.presets import merged

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "faults.md"
FIGURES = Path(__file__).parent / "data" / "faults.json"

PAUSE_SECONDS = 1.5
"""Between an outcome and the next fault at most, about the time that a training takes."""

CHANGES: dict[str, Any] = {
    "width": 32,
    "head_dim": 8,
    "space": {"depth": 4},
    "budget": {"steps": 60, "batch": 8, "length": 64, "warmup": 6, "validation": 64},
    "repeats": 0.1,
    "finish": {"seeds": 3, "members": 4},
}
"""What differs from the preset `laptop`: trainings of about a second."""


class Fault(NamedTuple):
    """One kind of fault.

    Attributes:
        times: number of times that it happens.
    """

    name: str
    times: int
    happens: Callable[[Stage], None]


FAULTS = (
    Fault("worker killed", 100, Stage.kill_worker),
    Fault("runner killed", 20, Stage.kill_runner),
    Fault("database away", 3, Stage.away),
    Fault("store full", 2, Stage.fill_store),
    Fault("machine lost", 3, Stage.lose_node),
    Fault("Ray head lost", 2, Stage.lose_head),
)


def broken(kind: str, candidates: int, share: float) -> dict[str, Any]:
    """Run one search under all faults, or under a share of each; return what happened and the audit."""
    with tempfile.TemporaryDirectory(prefix="star-faults-") as name, database(kind, Path(name)) as target:
        folder = Path(name)
        with small_file_system(folder / "artifacts") as small, (folder / "runner.log").open("wb") as log:
            plan, began = merged("laptop", {**CHANGES, "candidates": candidates}), time.monotonic()
            faults = [fault for fault in FAULTS if small or fault.happens is not Stage.fill_store]
            with closing(Stage(target, folder, plan, log)) as stage:
                found = {fault.name: happened(stage, fault, max(1, round(share * fault.times))) for fault in faults}
                while not stage.ended:
                    stage.after(stage.job.outcomes)
                report = {"faults": found, "seconds": time.monotonic() - began, "runners": stage.runners}
                report |= audited(stage.archive, stage.job_id, stage.artifacts)
        return {**report, "log": _log(folder / "runner.log")}


def happened(stage: Stage, fault: Fault, times: int) -> dict[str, Any]:
    """Let a fault happen so many times, or until the search is over; return the seconds until the next outcome."""
    seconds = []
    for _ in range(times):
        if stage.ended:
            break
        stage.after(stage.job.outcomes)
        stage.pause(PAUSE_SECONDS)
        before = stage.job.outcomes
        fault.happens(stage)
        seconds.append(stage.after(before))
        print(f"  {fault.name}: {seconds[-1]:.1f} s until the next outcome", flush=True)
    return {"times": len(seconds), "median": median(seconds or [0.0]), "longest": max(seconds, default=0.0)}


def _log(path: Path) -> dict[str, int]:
    lines = path.read_text(errors="replace").splitlines()
    return {"lines": len(lines), "tracebacks": sum(line.startswith("Traceback") for line in lines)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--candidates", type=int, default=250, help="candidates of each search, at most 1,000")
    parser.add_argument("--share", type=float, default=1.0, help="share of the faults that happen, for a quick look")
    parser.add_argument("--write", action="store_true", help="write docs/reports/faults.md and the figures")
    arguments = parser.parse_args()
    kinds = DATABASES if arguments.database == "both" else (arguments.database,)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "databases": {kind: broken(kind, arguments.candidates, arguments.share) for kind in kinds},
    }
    print(written(report))
    if arguments.write:
        REPORT.write_text(written(report), encoding="utf-8")
        FIGURES.write_text(json.dumps(report) + "\n", encoding="utf-8")
