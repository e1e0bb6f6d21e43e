"""The report of `benchmarks/engine.py` as a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from reports.tables import table

PAGE = """# The search as an engine for many workers

`python benchmarks/engine.py --write` wrote this page on {date}, on a core that other work shared.

## Busy workers

{workers} simulated workers train {candidates} candidates. Durations are log-normal (median {median:.0f} s, σ =
{sigma:.0f}). They pass in simulated time; proposals and breeding ahead take the time that they really took here, and
only one of them happens at once. "Busy" is the share of the workers' time in which they trained until the last
candidate began, mean and least over the searches; "to the end" counts the wait for the last ones too, which no
algorithm avoids. `star` is the generational protocol with a population of {workers}. Wanted of the asynchronous
searches: at least 97 %.

{busy}

## Bias towards quick candidates

Without a barrier, quick candidates report first, so an algorithm knows more of them than of slow ones. The table gives
the mean duration of the first results divided by the mean of all candidates. It does not depend on what an algorithm
chooses, as these durations do not depend on the genome. Every candidate reports at last, so nothing is lost; but a
search that stops early, or learns fast, has seen fewer slow genomes than it proposed.

{bias}

## Results a second

The real runner runs one job of random genomes with workers that need no time, on a SQLite archive in a file. A result
is what follows an outcome: it is compared with the frontier and recorded, and the next candidate is proposed, recorded
and submitted. Wanted: 500 results a second, and 10,000 candidates in flight. "Begun" counts the candidates that were
proposed and recorded before the first result. Memory is the growth of the process. 10,000 in flight are no burden, but
the 500 are not reached: a result takes two transactions of several statements each, and more time goes into
building them than into SQLite.

{recorded}
"""


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    return PAGE.format(
        **{key: value for key, value in found.items() if key != "recorded"},
        busy=table(["algorithm", "searches", "busy", "to the end", "proposal, ms"], _busy(found)),
        bias=table(["protocol", *(f"first {count}" for count in found["first"])], _bias(found)),
        recorded=table(
            ["in flight", "begun a second", "results a second", "results a second of processor time", "memory, MB"],
            _recorded(found),
        ),
    )


def _busy(found: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, searches in found["worked"].items():
        shares = np.array([[one["busy"], one["busy_to_end"]] for one in searches])
        proposal = 1e3 * np.median([one["ask"] for one in searches])
        busy = f"{shares[:, 0].mean():.1%} (least {shares[:, 0].min():.1%})"
        rows.append([name, str(len(searches)), busy, f"{shares[:, 1].mean():.1%}", f"{proposal:.1f}"])
    return rows


def _bias(found: dict[str, Any]) -> list[list[str]]:
    protocols = {"asynchronous (random)": "random", "generational (star)": "star"}
    means = {
        title: np.mean([one["bias"] for one in found["worked"][name]], axis=0) for title, name in protocols.items()
    }
    return [[title, *(f"{value:.2f}" for value in values)] for title, values in means.items()]


def _recorded(found: dict[str, Any]) -> list[list[str]]:
    return [
        [
            f"{one['in_flight']:,}",
            f"{one['begun'][0]:.0f}",
            *(f"{rate:.0f}" for rate in one["results"]),
            f"{one['megabytes']:.0f}",
        ]
        for one in found["recorded"]
    ]
