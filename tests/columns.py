"""All candidates of a job in columns, read plainly: what the maintained columns of the service have to agree with."""

from __future__ import annotations

from typing import Any

from search.archive import Archive
from search.archive.points.reads import POINT_COLUMNS


def points_of(archive: Archive, job_id: str) -> dict[str, Any]:
    """Return the columns of all candidates by name, and under `metrics` one for each metric.

    A metric that a candidate lacks is None.
    """
    rows = archive.point_rows(job_id).rows
    names = sorted({name for _, metrics in rows for name in metrics})
    plain = {name: [row[n] for row, _ in rows] for n, name in enumerate(POINT_COLUMNS)}
    return {**plain, "metrics": {name: [metrics.get(name) for _, metrics in rows] for name in names}}


def sent(points: dict[str, Any]) -> dict[str, Any]:
    """Return the same as the API sends it: values that are no whole numbers have six significant digits."""
    short = {name: [_short(value) for value in column] for name, column in points["metrics"].items()}
    return {**points, "metrics": short}


def _short(value: float | None) -> float | None:
    return value if value is None or value == int(value) else float(f"{value:.5e}")
