"""The report of `benchmarks/faults.py` as a page."""

from __future__ import annotations

from typing import Any

from reports.tables import table

PAGE = """# A search under faults, measured

`python benchmarks/faults.py --write` wrote this page on {date}. One search on each database, on one machine: `star run`
with two workers on a Ray cluster, trainings of about a second, a rung, repeats and an honest finish. Each fault came at
a random moment, after at least one outcome since the fault before. Which tests break the same parts one by one:
[faults.md](../service/faults.md).

## Faults

Seconds from the moment when the broken part was there again until the next outcome was recorded. A killed worker starts
again, a killed runner is replaced at once, and the next one waits until the lease of the first has ended (15 s). A
runner ends by itself when the head of Ray is lost, and is started again, as `star serve` and systemd do.

{faults}

## The searches afterwards

{searches}

{kept}
"""


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    databases = found["databases"]
    return PAGE.format(
        date=found["date"],
        faults=table(["fault", "database", "times", "median", "longest"], _faults(databases)),
        searches=table(["", *databases], _searches(databases)),
        kept=table(["promise", *databases], _kept(databases)),
    )


def _faults(databases: dict[str, Any]) -> list[list[str]]:
    names = {name: None for one in databases.values() for name in one["faults"]}
    return [
        [name, kind, str(fault["times"]), f"{fault['median']:.1f}", f"{fault['longest']:.1f}"]
        for name in names
        for kind, one in databases.items()
        if (fault := one["faults"].get(name))
    ]


def _searches(databases: dict[str, Any]) -> list[list[str]]:
    rows = {
        "state at the end": lambda one: one["state"],
        "minutes": lambda one: f"{one['seconds'] / 60:.0f}",
        "runners started": lambda one: str(one["runners"]),
        "candidates": lambda one: str(one["candidates"]),
        "trainings": lambda one: str(one["trainings"]),
        "trainings that failed": lambda one: _counts(one["failed"]),
        "attempts that were lost": lambda one: str(one["lost attempts"]),
        "attempts that were begun again": lambda one: str(one["begun again"]),
        "lines in the runners' logs": lambda one: str(one["log"]["lines"]),
        "tracebacks among them": lambda one: str(one["log"]["tracebacks"]),
    }
    return [[name, *map(shown, databases.values())] for name, shown in rows.items()]


def _kept(databases: dict[str, Any]) -> list[list[str]]:
    promises = next(iter(databases.values()))["kept"]
    return [[name, *("kept" if one["kept"][name] else "**broken**" for one in databases.values())] for name in promises]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
