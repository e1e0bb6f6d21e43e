"""Candidates as rows of plain values, for a DataFrame: `pandas.DataFrame(table(star.frontier(job_id)))`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.web.schemas import CandidateView

COLUMNS = ("number", "genome", "baseline", "state", "frontier", "feasible", "variation", "tokens", "seeds", "seconds")


def table(candidates: Iterable[CandidateView]) -> list[dict[str, Any]]:
    """Return one row for each candidate: `COLUMNS`, then every metric; a metric that it lacks is None."""
    found = list(candidates)
    metrics = sorted({name for one in found for name in one.metrics})
    return [
        {**{name: _plain(getattr(one, name)) for name in COLUMNS}, **{name: one.metrics.get(name) for name in metrics}}
        for one in found
    ]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
