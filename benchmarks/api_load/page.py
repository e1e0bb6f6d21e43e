"""The report of `benchmarks/api_speed.py` as a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from reports.tables import table

WANTED = {"frontier": 50, "page of 50 candidates": 20, "submission": 30}
"""Milliseconds that an answer may take, at the 95th percentile."""

QUANTILES = ("p50", "p95", "worst")

PAGE = """# How fast the API answers

`python benchmarks/api_speed.py --database {kinds} --jobs {jobs} --small {small} --write` wrote this page on
{date}, on a machine of 2 cores that other work shared (load {load:.1f}), with the server, the clients and the
database all on it. The database holds one job of {candidates:,} candidates and {jobs} of {small:,} each.
`star serve --no-runner` answers with one process; to 8 clients, with {processes}.

## Requests

Milliseconds, median and 95th percentile: of one client that asks again as soon as it was answered, and of 8 clients
that send 20 requests a second each by a timetable. A late answer counts from the time at which its request was due.

{requests}

## Points

`GET /v1/jobs/ID/points` of the large job in milliseconds, until the last byte, and its size on the wire. "First" is the
first request to a server that has not read the job; "unchanged" and "known" repeat it, "known" with `If-None-Match`;
"one more result" asks after each of several further results. Wanted: 150 ms and 4 MB. The rows have seven metrics,
four of them measured, which are sent with six significant digits.

{points}

## Streams

200 event streams follow the large job while 10 results a second are recorded, and one client asks for the job ten times
a second. Milliseconds from the record of a result until a stream has it, and of these requests: median, 95th percentile
and worst. Wanted: 1,000 and 50. The server, the streams' client and what records results share the two cores.

{streams}

## Recording an outcome

Milliseconds that a runner's `record` takes on the large job, median and greatest of {rounds}, by the number of
candidates that leave the frontier.

{record}
"""


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    databases = found["databases"]
    rounds = len(next(iter(databases.values()))["record"]["0"])
    return PAGE.format(
        **{key: value for key, value in found.items() if key != "databases"},
        rounds=rounds,
        kinds="both" if len(databases) > 1 else next(iter(databases)),
        requests=table(["request", "database", "one client", "8 clients", "wanted"], _requests(databases)),
        points=table(
            ["database", "encoding", "first", "unchanged", "known", "one more result", "MB"], _points(databases)
        ),
        streams=table(
            ["database", "a stream hears of a result", "requests meanwhile", "results not heard"], _streams(databases)
        ),
        record=table(["database", "none leaves", "one leaves", "four leave"], _record(databases)),
    )


def _requests(databases: dict[str, Any]) -> list[list[str]]:
    names = [name for name, one in next(iter(databases.values())).items() if isinstance(one, dict) and "one" in one]
    return [
        [name, kind, _both(found[name]["one"]), _both(found[name]["several"]), f"{WANTED.get(name, '')}"]
        for name in names
        for kind, found in databases.items()
    ]


def _points(databases: dict[str, Any]) -> list[list[str]]:
    return [
        [
            kind,
            one["encoding"],
            f"{one['first']:.0f}",
            *(_both(one[name]) for name in ("unchanged", "matching", "changed")),
            f"{one['bytes'] / 1e6:.1f}",
        ]
        for kind, found in databases.items()
        for one in found["points"].values()
    ]


def _streams(databases: dict[str, Any]) -> list[list[str]]:
    rows = []
    for kind, found in databases.items():
        one = found["streams"]
        times = (" / ".join(f"{one[name][q]:.0f}" for q in QUANTILES) for name in ("late", "requests"))
        rows.append([kind, *times, str(one["missing"])])
    return rows


def _record(databases: dict[str, Any]) -> list[list[str]]:
    return [
        [kind, *(f"{np.median(times):.1f} / {max(times):.1f}" for times in found["record"].values())]
        for kind, found in databases.items()
    ]


def _both(one: dict[str, float]) -> str:
    return f"{one['p50']:.1f} / {one['p95']:.1f}"
