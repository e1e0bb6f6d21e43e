"""Forecasting of several series at once, scored by the squared error after scaling by the training part.

Shapes: B sequences, L steps, T steps of the whole table, C columns, H steps of the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric, MetricKind
from evaluator.tasks.files.places import permitted_path
from evaluator.tasks.files.tables import Table, table
from evaluator.tasks.loaded import Examples
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

VALIDATION_SHARE = 0.2
"""The last fifth of all steps is held out."""

MOST_OUTPUTS = 65_536


class SeriesTask(Task):
    """Forecasting of the columns of a table, scored by the mean squared error of the scaled values."""

    kind: Literal["series"] = "series"
    data: str = Field(
        default="",
        max_length=4096,
        description="table with a row for each step, `.csv`, `.csv.gz` or `.parquet`; an absolute path in a directory "
        "that the operator has allowed",
    )
    columns: tuple[str, ...] = Field(
        default=(), max_length=4096, description="columns to read and to forecast; none for all that hold numbers"
    )
    horizon: int = Field(default=24, ge=1, le=4096, description="steps to forecast")

    title: ClassVar[str] = "Series"
    summary: ClassVar[str] = "forecast the columns of a table"
    brief: ClassVar[str] = "{horizon} steps of series from {data}"
    metric: ClassVar[Metric] = Metric("squared_error", "Squared error", MetricKind.TRAINED, "lower")
    vocabulary: ClassVar[int | str] = "horizon"

    @property
    def chance(self) -> float:
        """The error of forecasting the mean of the training part: its variance, which scaling makes 1."""
        return 1.0

    @property
    def channels(self) -> int:
        return max(1, len(self.columns))

    @property
    def vocab(self) -> int:
        """The numbers that are forecast at each step: the horizon of each column."""
        return self.horizon * self.channels

    def permitted(self, corpora: Sequence[Path]) -> Self:
        try:
            path = permitted_path("data", self.data, corpora, "file", Path.is_file)
            columns = _read(str(path), path.stat().st_mtime_ns, self.columns).columns
        except (ValueError, OSError) as error:
            raise FieldError(("task", "data"), str(error)) from None
        most = MOST_OUTPUTS // self.horizon
        if len(columns) > most:
            raise FieldError(
                ("task", "columns"),
                f"columns must be {most} or fewer with a horizon of {self.horizon}, not {len(columns)}",
            )
        return self.model_copy(update={"data": str(path), "columns": columns})

    def load(self, budget: Budget) -> Series:
        try:
            found = _read(self.data, Path(self.data).stat().st_mtime_ns, self.columns)
        except (ValueError, OSError) as error:
            raise FieldError(("task", "data"), str(error)) from None
        cut = round((1 - VALIDATION_SHARE) * len(found.values))
        train, held_out = found.values[:cut], found.values[cut:]
        longest = len(held_out) - self.horizon
        if budget.length > longest:
            raise FieldError(
                ("budget", "length"),
                f"length must be 2 to {longest}, not {budget.length}: the held-out part has {len(held_out)} steps, and "
                f"{self.horizon} are to be forecast",
            )
        mean, deviation = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
        constant = [name for name, one in zip(found.columns, deviation, strict=True) if one == 0]
        if constant:
            raise FieldError(("task", "columns"), f"column {constant[0]!r} never changes in training; leave it out")
        scaled_TC = ((found.values - mean) / deviation).astype(np.float32)
        starts_B = np.linspace(0, longest - budget.length, budget.validation).astype(np.int64)
        validation = _windows(scaled_TC[cut:], starts_B, budget.length, self.horizon)
        return Series(scaled_TC[:cut], budget.length, budget.batch, self.horizon, validation)


@dataclass(frozen=True)
class Series:
    """Series at one budget: windows of L steps, at each of which the next H steps of all columns are forecast.

    Training counts the forecasts of all steps of a window, the score those of its last step alone, which has seen
    all of the window. No window reaches from the training part into the held-out part.
    """

    train: np.ndarray = field(repr=False)
    length: int
    batch: int
    horizon: int
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        starts_B = rng.integers(0, len(self.train) - self.length - self.horizon + 1, self.batch)
        return _windows(self.train, starts_B, self.length, self.horizon)

    def score(self, forecasts: Tensor, targets: Tensor) -> Tensor:
        return (forecasts[:, -1] - targets[:, -1]).square().mean(1)


@lru_cache(maxsize=2)
def _read(path: str, changed: int, columns: tuple[str, ...]) -> Table:
    return table(Path(path), columns)


def _windows(scaled_TC: np.ndarray, starts_B: np.ndarray, length: int, horizon: int) -> Examples:
    """Cut windows: the values of L steps, (B, L, C), and those of the H steps behind each of them, (B, L, H C)."""
    steps_BL = starts_B[:, None] + np.arange(length)
    targets_BLHC = scaled_TC[steps_BL[:, :, None] + np.arange(1, horizon + 1)]
    return Examples.of(scaled_TC[steps_BL], targets_BLHC.reshape(*steps_BL.shape, -1))
