"""A task in one file, as a newcomer would write it: repeat the token before.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Format, Metric, MetricKind
from evaluator.tasks.loaded import Examples
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor


class EchoTask(Task):
    """Repetition of the token before, scored by the share of wrong tokens."""

    kind: Literal["echo"] = "echo"
    tones: int = Field(default=8, ge=2, le=64, description="size of the vocabulary")

    title: ClassVar[str] = "Echo"
    summary: ClassVar[str] = "repeat the token before"
    brief: ClassVar[str] = "echo of {tones} tones"
    metric: ClassVar[Metric] = Metric("echo_error", "Echo error", MetricKind.TRAINED, "lower", format=Format.SHARE)
    vocabulary: ClassVar[int | str] = "tones"

    @property
    def chance(self) -> float:
        return 1 - 1 / self.tones

    def require_fit(self, budget: Budget) -> None:
        if budget.length < 4:
            raise FieldError(("budget", "length"), f"length must be 4 or more for an echo, not {budget.length}")

    def load(self, budget: Budget) -> Echo:
        validation = _examples(np.random.default_rng(0), budget.validation, budget.length, self.tones)
        return Echo(self.tones, budget.length, budget.batch, validation)


@dataclass(frozen=True)
class Echo:
    """Echo at one budget."""

    tones: int
    length: int
    batch: int
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        return _examples(rng, self.batch, self.length, self.tones)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return (logits_BLV.argmax(-1) != targets_BL).double().mean(1)


def _examples(rng: np.random.Generator, count: int, length: int, tones: int) -> Examples:
    tokens_BL = rng.integers(0, tones, (count, length + 1))
    return Examples.of(tokens_BL[:, 1:], tokens_BL[:, :-1])
