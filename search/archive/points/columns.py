"""Points in columns, whose JSON is written anew only where a value changed."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from search.archive.points.reads import POINT_COLUMNS
from search.archive.values import CandidateState

BLOCK = 2048
"""Values that are written together."""

DIGITS = 6
"""Significant digits of a value that is no whole number: finer than any measurement, and they halve the answer."""

UNSETTLED = (CandidateState.RUNNING, CandidateState.CANCELLED)


class Column:
    """The values of one column, and the JSON of each block of them without brackets."""

    def __init__(self, length: int = 0) -> None:
        self.values: list[Any] = [None] * length
        self._blocks: list[bytes | None] = []

    def put(self, place: int, value: Any) -> None:
        """Replace a value."""
        if self.values[place] != value:
            self.values[place] = value
            if place // BLOCK < len(self._blocks):
                self._blocks[place // BLOCK] = None

    def insert(self, place: int, value: Any) -> None:
        """Insert a value; the ones behind it move."""
        self.values.insert(place, value)
        del self._blocks[place // BLOCK :]

    def json(self) -> Iterator[bytes]:
        """Write the column as an array, in parts; a part that did not change is the same object as before."""
        yield b"["
        for n in range(-(-len(self.values) // BLOCK)):
            if n:
                yield b","
            if n == len(self._blocks):
                self._blocks.append(None)
            block = self._blocks[n]
            if block is None:
                block = self._blocks[n] = orjson.dumps(self.values[n * BLOCK : (n + 1) * BLOCK])[1:-1]
            yield block
        yield b"]"


class PointColumns:
    """All candidates of a job in columns."""

    def __init__(self) -> None:
        self._plain = {name: Column() for name in POINT_COLUMNS}
        self._metrics: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._plain["number"].values)

    def unsettled(self) -> list[int]:
        """Return the numbers of the candidates that are running or cancelled."""
        numbers, states = self._plain["number"].values, self._plain["state"].values
        return [number for number, state in zip(numbers, states, strict=True) if state in UNSETTLED]

    def put(self, row: tuple[Any, ...], metrics: Mapping[str, Any]) -> None:
        """Insert a candidate, or replace it by what it is now."""
        numbers = self._plain["number"].values
        place = bisect_left(numbers, row[0])
        if place == len(numbers) or numbers[place] != row[0]:
            for column in (*self._plain.values(), *self._metrics.values()):
                column.insert(place, None)
        for name, value in zip(POINT_COLUMNS, row, strict=True):
            kept = sys.intern(value) if isinstance(value, str) and name != "genome" else value
            self._plain[name].put(place, kept)
        for name in metrics.keys() - self._metrics.keys():
            self._metrics[name] = Column(len(self))
        for name, column in self._metrics.items():
            column.put(place, _rounded(metrics.get(name)))

    def json(self) -> list[bytes]:
        """Write an object with a member for each column, and `metrics` with one for each metric, in parts.

        A metric that a candidate lacks is null.
        """
        parts = [b"{"]
        for name, column in self._plain.items():
            parts += [orjson.dumps(name), b":", *column.json(), b","]
        parts.append(b'"metrics":{')
        for n, (name, column) in enumerate(sorted(self._metrics.items())):
            parts += [b"," if n else b"", orjson.dumps(name), b":", *column.json()]
        return [*parts, b"}}"]


def _rounded(value: float | None) -> float | None:
    return value if value is None or value.is_integer() else float(f"{value:.{DIGITS}g}")
