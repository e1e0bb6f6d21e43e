"""Tables of numbers in CSV files (.csv, .csv.gz) and Parquet files (.parquet), as one array.

A column whose first value is no number, such as a date, is left out unless it is asked for by name. Symbolic links are
refused.

Shapes: T rows, C columns.
"""

from __future__ import annotations

import csv
import gzip
import math
import stat
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

MAX_VALUES = 2**26
"""Values that a table may have: 256 MiB in memory."""

INSTALL = "reading Parquet needs pyarrow; install star-synthesis[parquet], or name a CSV file"


class Table(NamedTuple):
    """The numbers of a table, (T, C) in float32, and the names of its columns."""

    columns: tuple[str, ...]
    values: np.ndarray


def table(path: Path, columns: Sequence[str] = ()) -> Table:
    """Read the columns of a table that hold numbers, or those that are named, in this order.

    Raises:
        ValueError: it is a link, cut off, empty or no such table, a named column is not there, or a value is no finite
            number; the message names the file, the column and the row.
    """
    reader = next((READERS[suffix] for suffix in READERS if path.name.endswith(suffix)), None)
    if reader is None:
        raise ValueError(f"{path} must end with {', '.join(READERS)}")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path} is a link or another special file; name a regular one")
    try:
        rows = reader(path)
        return _chosen(path, [str(name) for name in next(rows, ())], rows, columns)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read whole: {error}") from None


def _chosen(path: Path, names: list[str], rows: Iterator[Sequence[object]], columns: Sequence[str]) -> Table:
    if not names:
        raise ValueError(f"{path} is empty")
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(f"{path} has no column {missing[0]!r}; it has {', '.join(names)}")
    if len(set(names)) != len(names):
        raise ValueError(f"{path} has two columns of one name; its columns are {', '.join(names)}")
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{path} has no row below its header")
    _require_width(path, 1, first, names)
    wanted = columns or [name for name, value in zip(names, first, strict=True) if _number(value) is not None]
    if not wanted:
        raise ValueError(f"{path} has no column of numbers; its columns are {', '.join(names)}")
    places = [names.index(name) for name in wanted]
    values = array("f", _numbers(path, 1, first, names, places))
    most = MAX_VALUES // len(places)
    for n, row in enumerate(islice(rows, most), 2):
        _require_width(path, n, row, names)
        values.extend(_numbers(path, n, row, names, places))
    if len(values) > most * len(places):
        raise ValueError(f"{path} has more than {most} rows of {len(places)} columns, as many as are read")
    return Table(tuple(wanted), np.frombuffer(values, np.float32).reshape(-1, len(places)))


def _numbers(path: Path, n: int, row: Sequence[object], names: list[str], places: list[int]) -> Iterator[float]:
    for place in places:
        number = _number(row[place])
        if number is None:
            raise ValueError(f"{path}, row {n}: {row[place]!r} in column {names[place]!r} is no finite number")
        yield number


def _number(value: object) -> float | None:
    """Return a finite number that float32 can hold, or None."""
    try:
        number = float(value)  # type: ignore[arg-type]  # what is no number raises one of these errors
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < float(np.finfo(np.float32).max) else None


def _require_width(path: Path, n: int, row: Sequence[object], names: list[str]) -> None:
    if len(row) != len(names):
        raise ValueError(f"{path}, row {n} has {len(row)} values; the header has {len(names)} columns")


def _of_csv(path: Path) -> Iterator[Sequence[object]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield from (row for row in csv.reader(file, strict=True) if row)


def _of_parquet(path: Path) -> Iterator[Sequence[object]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(INSTALL) from None
    try:
        with parquet.ParquetFile(path) as file:
            yield file.schema_arrow.names
            for batch in file.iter_batches():
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path} is no whole Parquet file: {error}") from None


READERS: dict[str, Callable[[Path], Iterator[Sequence[object]]]] = {
    ".csv": _of_csv,
    ".csv.gz": _of_csv,
    ".parquet": _of_parquet,
}
"""Functions that read a file: first the names of its columns, then its rows."""
