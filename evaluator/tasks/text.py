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
from evaluator.tasks.files.pieces import Windows, require_room
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

    @property
    def licence(self) -> str:
        """The licence of Python's standard library; that of a directory is not known."""
        return "Python-2.0" if self.corpus == STDLIB else ""

    def permitted(self, corpora: Sequence[Path]) -> Self:
        if self.corpus == STDLIB:
            return self
        try:
            return self.model_copy(update={"corpus": str(permitted_directory(self.corpus, corpora))})
        except (ValueError, OSError) as error:
            raise FieldError(("task", "corpus"), str(error)) from None

    def load(self, budget: Budget) -> Text:
        halves = split(self.corpus)
        require_room(budget, self.corpus, training=halves.train, validation=halves.validation)
        validation = Examples.shifted(Windows(halves.validation, budget.length).spread(budget.validation))
        return Text(Windows(halves.train, budget.length), budget.batch, validation)


@dataclass(frozen=True)
class Text:
    """Text at one budget. A sequence is L + 1 bytes: the first is context only, each of the other L is predicted.

    The validation sequences are spread evenly over the validation text.
    """

    train: Windows = field(repr=False)
    batch: int
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        return Examples.shifted(self.train.drawn(rng, self.batch))

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return mean_bits(logits_BLV, targets_BL)
