"""Measures the API on a database of real size: `python benchmarks/api_speed.py`.

A database is filled in bulk with one job of 100,000 candidates and smaller ones, and `star serve --no-runner` serves it
from a process of its own. One client asks again as soon as it was answered; then 8 clients send 20 requests a second
each by a timetable. Measured are the frontier, a page of candidates at any depth, a submission, a job and the list of
jobs; the time and the size of a job's points at first, unchanged, and after one more result; and what recording an
outcome takes, with and without candidates that leave the frontier; and how late 200 event streams hear of 10 results
a second. The report is `docs/reports/api-speed.md`; `--jobs 99 --small 9090` makes a million candidates in 100 jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from api_load.clients import Ask, Client, by_timetable, in_turn, served
from api_load.live import Live
from api_load.page import written
from api_load.rows import analysed, filled
from api_load.streams import streamed
from breaking.databases import DATABASES, database

from search.archive import Archive
from search.archive.listing.candidates import listing_of
from search.archive.paging import page_token

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "api-speed.md"
FIGURES = Path(__file__).parent / "data" / "api.json"

CLIENTS, RATE = 8, 20.0
ROUNDS = 15
"""Further results after each of which the points are asked for."""

STREAMS, RESULTS = 200, 10.0
"""Event streams, and results a second while they are open."""

ENCODINGS = ("gzip",)


def measured(kind: str, candidates: int, jobs: int, small: int, seconds: float, processes: int) -> dict[str, Any]:
    """Fill a database of a kind and measure everything on it."""
    with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as target:
        url = target.url
        archive = Archive(url)
        archive.migrate()
        began = time.perf_counter()
        large = filled(archive, url, candidates)
        for _ in range(jobs):
            filled(archive, url, small)
        analysed(url)
        found: dict[str, Any] = {"filled": time.perf_counter() - began}
        live = Live.claimed(archive)
        found["record"] = {str(left): [1e3 * live.result(left=left) for _ in range(ROUNDS)] for left in (0, 1, 4)}
        with served(url, Path(folder)) as address:
            found["points"] = {name: points(address, large, live, name) for name in ENCODINGS}
            for name, asks in requests(large, candidates).items():
                found[name] = {"one": _milliseconds(in_turn(address, asks, 100))}
            last = archive.last_event()
            found["streams"] = streamed(address, large, last, live, streams=STREAMS, rate=RESULTS, seconds=2 * seconds)
        with served(url, Path(folder), processes) as address:
            for name, asks in requests(large, candidates).items():
                found[name]["several"] = _milliseconds(by_timetable(address, asks, CLIENTS, RATE, seconds))
        archive.close()
    return found


def requests(job: str, candidates: int) -> dict[str, Callable[[int], Ask]]:
    """Return the requests that are measured, each as a function of a count."""
    depths = np.random.default_rng(1).integers(1, candidates, 10_000).tolist()

    def page(n: int) -> Ask:
        token = page_token(listing_of(job), depths[n % len(depths)])
        return Ask(f"/v1/jobs/{job}/candidates?page_size=50&page_token={token}")

    return {
        "frontier": lambda n: Ask(f"/v1/jobs/{job}/frontier"),
        "page of 50 candidates": page,
        "job": lambda n: Ask(f"/v1/jobs/{job}"),
        "list of 50 jobs": lambda n: Ask("/v1/jobs"),
        "submission": lambda n: Ask("/v1/jobs", "POST", json.dumps({"preset": "laptop", "name": f"job {n}"})),
    }


def points(address: str, job: str, live: Live, encoding: str) -> dict[str, Any]:
    """Measure the points of a job for a client that accepts one encoding: milliseconds, and bytes on the wire."""
    client, accepts = Client(address), {"accept-encoding": encoding}
    ask = Ask(f"/v1/jobs/{job}/points", headers=accepts)
    first = client.send(ask)
    unchanged = [client.send(ask) for _ in range(ROUNDS)]
    known = {**accepts, "if-none-match": first.headers.get("etag", "")}
    matching = [client.send(Ask(ask.path, headers=known)) for _ in range(ROUNDS)]
    changed = []
    for n in range(ROUNDS):
        live.result(left=n % 2)
        changed.append(client.send(ask))
    return {
        "first": 1e3 * first.seconds,
        "unchanged": _milliseconds([one.seconds for one in unchanged]),
        "matching": _milliseconds([one.seconds for one in matching]),
        "matching_status": matching[0].status,
        "changed": _milliseconds([one.seconds for one in changed]),
        "encoding": first.headers.get("content-encoding", "none"),
        "bytes": len(changed[-1].body),
    }


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    median, late = np.percentile(seconds, [50, 95])
    return {"p50": 1e3 * float(median), "p95": 1e3 * float(late), "count": len(seconds)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="sqlite")
    parser.add_argument("--candidates", type=int, default=100_000, help="candidates of the large job")
    parser.add_argument("--jobs", type=int, default=20, help="smaller jobs")
    parser.add_argument("--small", type=int, default=200, help="candidates of each smaller job")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long several clients send each request")
    parser.add_argument("--processes", type=int, default=2, help="processes of the server that several clients ask")
    parser.add_argument("--write", action="store_true", help="write docs/reports/api-speed.md and all figures")
    arguments = parser.parse_args()
    kinds = DATABASES if arguments.database == "both" else (arguments.database,)
    sizes = arguments.candidates, arguments.jobs, arguments.small
    report: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "candidates": arguments.candidates,
        "jobs": arguments.jobs,
        "small": arguments.small,
        "processes": arguments.processes,
        "load": os.getloadavg()[0],
        "databases": {kind: measured(kind, *sizes, arguments.seconds, arguments.processes) for kind in kinds},
    }
    print(written(report))
    if arguments.write:
        REPORT.write_text(written(report), encoding="utf-8")
        FIGURES.write_text(json.dumps(report) + "\n", encoding="utf-8")
