"""The report of `benchmarks/attacks.py` as a page."""

from __future__ import annotations

from typing import Any

from breaking.crowds import CROWDS
from reports.tables import table

PAGE = """# The API under attack

`python benchmarks/attacks.py --write` wrote this page on {date}, on two cores that other work shared. The server was
`star serve --no-runner` on SQLite, with 1,024 file descriptors and a search of {candidates:,} candidates.

## Generated requests

Schemathesis made {each} legal and {each} illegal requests of each operation, and {flow_count} flows in which a request
uses what another was answered. "Not as documented" counts answers that the OpenAPI document does not allow.

{generated}
{untrue}

## Hostile requests, one by one

0 is a connection that ended without an answer.

{hostile}

## Crowds

Each client sends one request, reads nothing, and stays for 20 seconds. "Nothing" came where the server kept the client
waiting, as it does with a stream that has no news and with half a request.

{crowds}

## The server meanwhile

Memory is the most that was resident; `/healthz` is the slowest answer to a client that asked every half second.

{server}

The server wrote {lines} lines to its log, {tracebacks} tracebacks among them.
"""

PARTS = {
    "at first": "at first",
    "hostile": "hostile requests",
    **{one.name: f"crowd: {one.name}" for one in CROWDS},
    "requests": "generated requests",
    "flows": "generated flows",
    "at last": "at last",
}


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    return PAGE.format(
        **{name: found[name] for name in ("date", "candidates", "each", "flow_count")},
        generated=table(["", "answers", "2xx", "4xx", "5xx", "not as documented"], _generated(found)),
        untrue=_untrue(found),
        hostile=table(["request", "answer", "right"], _hostile(found["hostile"]["found"])),
        crowds=table(["crowd", "clients by the answer"], _crowds(found)),
        server=table(["", "memory, MiB", "`/healthz`, ms"], _server(found)),
        **found["log"],
    )


def _generated(found: dict[str, Any]) -> list[list[str]]:
    rows = []
    for part in ("requests", "flows"):
        statuses, untrue = found[part]["found"]["statuses"], found[part]["found"]["untrue"]
        classes = [sum(count for status, count in statuses.items() if int(status) // 100 == n) for n in (2, 4, 5)]
        wrong = sum(count for _, count in untrue)
        rows.append([PARTS[part], *(f"{n:,}" for n in (sum(statuses.values()), *classes, wrong))])
    return rows


def _untrue(found: dict[str, Any]) -> str:
    told = {text: count for part in ("requests", "flows") for text, count in found[part]["found"]["untrue"]}
    return "\n".join(["", *(f"- {count} times {text}" for text, count in told.items())]) if told else ""


def _hostile(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [[row["name"], str(row["status"]), "yes" if row["right"] else "**no**"] for row in rows]


def _crowds(found: dict[str, Any]) -> list[list[str]]:
    return [[f"{one.clients:,} × {one.name}", _counts(found[one.name]["found"])] for one in CROWDS]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(counts.items()))


def _server(found: dict[str, Any]) -> list[list[str]]:
    return [
        [name, f"{found[part]['memory']:.0f}", f"{1e3 * found[part]['health']:.0f}"]
        for part, name in PARTS.items()
        if part in found
    ]
