"""Byte-level language modelling on real files, scored in bits per byte.

Shapes: B sequences, L bytes, V vocabulary (256).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric, MetricKind
from evaluator.tasks.files.corpus import STDLIB, permitted_directory, split
from evaluator.tasks.loaded import Examples, mean_bits
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor


class TextTask(Task):
    """Byte-level language modelling on real files, scored by the validation loss in bits per byte."""

    kind: Literal["text"] = "text"
    corpus: str = Field(
        default=STDLIB,
        min_length=1,
        max_length=4096,
        description=f"`{STDLIB}` (source of Python's standard library) or a directory the operator has allowed",
    )

    title: ClassVar[str] = "Text"
    summary: ClassVar[str] = "predict the bytes of real files"
    brief: ClassVar[str] = "text from {corpus}"
    metric: ClassVar[Metric] = Metric("bits_per_byte", "Bits per byte", MetricKind.TRAINED, "fewer", base=2)
    vocabulary: ClassVar[int | str] = 256

    @property
    def chance(self) -> float:
        """The loss of a uniform distribution over bytes: log2 of 256."""
        return 8.0

    def permitted(self, corpora: Sequence[Path]) -> Self:
        if self.corpus == STDLIB:
            return self
        try:
            return self.model_copy(update={"corpus": str(permitted_directory(self.corpus, corpora))})
        except (ValueError, OSError) as error:
            raise FieldError(("task", "corpus"), str(error)) from None

    def load(self, budget: Budget) -> Text:
        halves = split(self.corpus)
        shortest = min(len(halves.train), len(halves.validation))
        if shortest <= budget.length:
            raise FieldError(
                ("budget", "length"),
                f"length must be 2 to {shortest - 1}, not {budget.length}: corpus {self.corpus} has "
                f"{len(halves.train)} bytes for training and {len(halves.validation)} for validation",
            )
        last = len(halves.validation) - budget.length - 1
        starts = np.linspace(0, last, budget.validation).astype(np.int64)
        validation = _crops(halves.validation, starts, budget.length)
        return Text(halves.train, budget.length, budget.batch, validation)


@dataclass(frozen=True)
class Text:
    """Text at one budget. A sequence is L + 1 bytes: the first is context only, each of the other L is predicted.

    The validation sequences are spread evenly over the validation text.
    """

    text: np.ndarray = field(repr=False)
    length: int
    batch: int
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        return _crops(self.text, rng.integers(0, len(self.text) - self.length, self.batch), self.length)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return mean_bits(logits_BLV, targets_BL)


def _crops(text: np.ndarray, starts: np.ndarray, length: int) -> Examples:
    """Cut L + 1 bytes at each start, as (B, L) inputs and the (B, L) bytes that follow them."""
    bytes_BL = text[starts[:, None] + np.arange(length + 1)].astype(np.int64)
    return Examples.of(bytes_BL[:, :-1], bytes_BL[:, 1:])
