"""All candidates of a search as a file for other programs: CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from enum import StrEnum
from typing import IO, Any, NamedTuple

from search.archive.points.reads import POINT_COLUMNS, PointRows

INSTALL = "the server has no pyarrow, which writes Parquet; install star-synthesis[parquet] there, or ask for csv"


class TableFormat(StrEnum):
    """The format of a table."""

    CSV = "csv"
    PARQUET = "parquet"


class Format(NamedTuple):
    """How a table is written in one format.

    Raises of `write`:
        ModuleNotFoundError: a library that it needs is not installed.
    """

    media_type: str
    write: Callable[[PointRows, IO[bytes]], None]


def write_csv(found: PointRows, file: IO[bytes]) -> None:
    """Write `POINT_COLUMNS` and every metric; the cell of a value that a candidate lacks is empty (RFC 4180)."""
    metrics = _metrics(found)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow([*POINT_COLUMNS, *metrics])
    writer.writerows([*row, *(values.get(name) for name in metrics)] for row, values in found.rows)
    text.detach()  # otherwise the wrapper closes the file


def write_parquet(found: PointRows, file: IO[bytes]) -> None:
    """Write the same columns with their types; a value that a candidate lacks is null.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    import pyarrow
    from pyarrow import parquet

    plain: list[tuple[Any, ...]] = [*zip(*(row for row, _ in found.rows), strict=True)] or [()] * len(POINT_COLUMNS)
    columns = dict(zip(POINT_COLUMNS, plain, strict=True))
    columns |= {name: tuple(values.get(name) for _, values in found.rows) for name in _metrics(found)}
    parquet.write_table(pyarrow.table({name: list(values) for name, values in columns.items()}), file)


FORMATS = {
    TableFormat.CSV: Format("text/csv; charset=utf-8", write_csv),
    TableFormat.PARQUET: Format("application/vnd.apache.parquet", write_parquet),
}


def _metrics(found: PointRows) -> list[str]:
    return sorted({name for _, values in found.rows for name in values})
