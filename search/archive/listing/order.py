"""The orders of the candidates of a job, and the columns that hold what they are ordered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

OBJECTIVES = ("objective_1", "objective_2", "objective_3", "objective_4")
"""The columns of a candidate that hold its values of the plan's objectives, in the order of the plan."""


def objective_columns(objectives: Sequence[str], metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return the columns of a candidate with these metrics; an objective without a value is None."""
    return {column: metrics.get(name) for column, name in zip(OBJECTIVES, objectives, strict=False)}


@dataclass(frozen=True)
class Order:
    """A column of candidates, and the direction in which it sorts them."""

    column: str = "number"
    descending: bool = False

    @classmethod
    def of(cls, text: str, objectives: Sequence[str]) -> Self:
        """Read the name of what candidates are sorted by, with a minus sign before it for the largest values first.

        Raises:
            ValueError: it is no legal name; the message lists the legal names.
        """
        columns = {"number": "number", "finished_at": "finished_at", **dict(zip(objectives, OBJECTIVES, strict=False))}
        name = text.removeprefix("-")
        if name not in columns:
            raise ValueError(
                f"must be one of {', '.join(columns)}, with - before it for the largest values first, not {text!r}"
            )
        return cls(columns[name], text.startswith("-"))

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.column}"
