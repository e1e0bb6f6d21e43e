"""Sends the API what no client of good will sends: `python benchmarks/attacks.py --write`.

A server with 1,024 descriptors, `star serve --no-runner` in a process of its own, serves a search of 100,000
candidates. Hostile requests come one by one, then crowds of clients that hold what they get. Then Schemathesis sends
requests of every operation, legal and not, and flows in which one request uses what another was answered. In each part
the answers are counted, and `/healthz` is asked from outside all the time. The report is `docs/reports/attacks.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from api_load.rows import analysed, filled
from breaking.attack_report import written
from breaking.crowds import CROWDS, gathered
from breaking.generated import Tally, flows, single
from breaking.hostile import REQUESTS, answered
from breaking.served import Observed, watched

from search.archive import Archive

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "attacks.md"
FIGURES = Path(__file__).parent / "data" / "attacks.json"


def attacked(candidates: int, each: int, count: int) -> dict[str, Any]:
    """Attack a server in every way, and return what it answered and how it fared."""
    with tempfile.TemporaryDirectory(prefix="star-attacks-") as name:
        folder = Path(name)
        database = f"sqlite:///{folder / 'star.db'}"
        archive = Archive(database)
        archive.migrate()
        job = filled(archive, database, candidates)
        analysed(database)
        found: dict[str, Any] = {}
        with watched(database, folder) as server:
            found["at first"] = {"memory": server.mebibytes(), "health": server.health()}
            parts: list[tuple[str, Callable[[str], object]]] = [
                ("hostile", _hostile),
                *((one.name, partial(gathered, crowd=one, job=job)) for one in CROWDS),
                ("requests", lambda url: _tallied(single(url, each))),
                ("flows", lambda url: _tallied(flows(url, count))),
            ]
            for kind, sent in parts:
                with Observed(server) as seen:
                    found[kind] = {"found": sent(server.url)}
                found[kind] |= {"memory": seen.memory, "health": seen.slowest}
                print(kind, json.dumps(found[kind]), flush=True)
            found["at last"] = {"memory": server.mebibytes(), "health": server.health()}
            lines = server.log.read_text(errors="replace").splitlines()
        archive.close()
    tracebacks = sum(line.startswith("Traceback") for line in lines)
    return {**found, "log": {"lines": len(lines), "tracebacks": tracebacks}}


def _hostile(url: str) -> list[dict[str, Any]]:
    rows = []
    for request in REQUESTS:
        status = answered(url, request)
        rows.append({"name": request.name, "status": status, "right": status in request.right})
    return rows


def _tallied(tally: Tally) -> dict[str, Any]:
    return {"statuses": dict(sorted(tally.statuses.items())), "untrue": sorted(Counter(tally.untrue).items())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000, help="candidates of the search that is served")
    parser.add_argument("--each", type=int, default=60, help="generated requests of each operation, legal and not each")
    parser.add_argument("--flows", type=int, default=300, help="generated flows of requests")
    parser.add_argument("--write", action="store_true", help="write docs/reports/attacks.md and the figures")
    arguments = parser.parse_args()
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "candidates": arguments.candidates,
        "each": arguments.each,
        "flow_count": arguments.flows,
        **attacked(arguments.candidates, arguments.each, arguments.flows),
    }
    print(written(report))
    if arguments.write:
        REPORT.write_text(written(report), encoding="utf-8")
        FIGURES.write_text(json.dumps(report) + "\n", encoding="utf-8")
