"""Selective copying of MAD (Poli et al. 2024, section 3.1; Arjovsky et al. 2016).

Tokens to copy stand among blanks; behind the copy token come as many blanks, at which they are to be said in order.

Shapes: B sequences, L tokens, N tokens to copy, G gaps: before each token to copy, and behind the last one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.mad.task import PUBLISHED, Arrays, MADTask, Setting, error_metric
from evaluator.value import FieldError

SPECIAL = 2
"""The last two symbols: the blank, and the copy token."""


class SelectiveCopyingTask(MADTask):
    """Selective copying of MAD, scored by the share of wrong tokens."""

    kind: Literal["mad_selective_copying"] = "mad_selective_copying"
    copies: int = Field(default=16, ge=1, le=4096, description="tokens to copy")

    title: ClassVar[str] = "MAD: selective copying"
    summary: ClassVar[str] = "repeat the tokens that stood among blanks"
    brief: ClassVar[str] = "MAD selective copying of {copies} tokens, {symbols} symbols"
    metric: ClassVar[Metric] = error_metric("mad_selective_copying_error", "Selective copying error")
    baseline: ClassVar[Setting] = Setting(256, {"symbols": 16, "copies": 16})

    @property
    def answers(self) -> int:
        return self.symbols - SPECIAL

    def require_fit(self, budget: Budget) -> None:
        super().require_fit(budget)
        shortest = 2 * self.copies + 2
        if budget.length < shortest:
            raise FieldError(
                ("budget", "length"),
                f"length must be {shortest} or more for copying {self.copies} tokens, not {budget.length}",
            )

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        blank, copy = self.symbols - 2, self.symbols - 1
        copied_BN = rng.integers(0, self.answers, (count, self.copies))
        blanks = length - 2 * self.copies - 1
        ends = 0 if self.protocol == PUBLISHED else 1  # the published code puts no blank behind the last token
        gap = rng.integers(0, self.copies + ends, (count, blanks)) + (self.copies + 1) * np.arange(count)[:, None]
        blanks_BG = np.bincount(gap.ravel(), minlength=count * (self.copies + 1)).reshape(count, -1)
        places_BN = np.arange(self.copies) + blanks_BG.cumsum(1)[:, :-1]
        tokens_BL = np.full((count, length), blank)
        np.put_along_axis(tokens_BL, places_BN, copied_BN, axis=1)
        tokens_BL[:, length - self.copies - 1] = copy
        targets_BL = np.full((count, length), IGNORED)
        targets_BL[:, length - self.copies :] = copied_BN
        return tokens_BL, targets_BL
