"""Memorization of MAD (Poli et al. 2024, section 3.1): values of keys that are the same in all sequences.

Behind each key stands the insert token, at which the key's value is asked. The value itself is never in the input.

Shapes: B sequences, L tokens, P pairs.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.mad.task import CORRECTED, MOST_EXAMPLES, Arrays, MADTask, Setting, error_metric
from evaluator.value import FieldError

_VALUES_SEED = 12345


class MemorizationTask(MADTask):
    """Memorization of MAD, scored by the share of wrong values."""

    kind: Literal["mad_memorization"] = "mad_memorization"
    symbols: int = Field(default=256, ge=8, le=65536, description="size of the vocabulary: half keys, half values")
    examples: int = Field(
        default=256, ge=1, le=MOST_EXAMPLES, description="training sequences, drawn with replacement for every batch"
    )

    title: ClassVar[str] = "MAD: memorization"
    summary: ClassVar[str] = "learn the value of each key by heart"
    brief: ClassVar[str] = "MAD memorization with {symbols} symbols"
    metric: ClassVar[Metric] = error_metric("mad_memorization_error", "Memorization error")
    baseline: ClassVar[Setting] = Setting(32, {"symbols": 256, "examples": 256})

    @property
    def keys(self) -> int:
        """The number of keys; the last symbol is the insert token."""
        return (self.symbols - 1) // 2

    @property
    def answers(self) -> int:
        return self.keys

    def require_fit(self, budget: Budget) -> None:
        super().require_fit(budget)
        fewest = -(-self.keys // (budget.length // 2))
        if self.protocol == CORRECTED and self.examples < fewest:
            raise FieldError(
                ("task", "examples"),
                f"examples must be {fewest} or more, not {self.examples}, so that each of the {self.keys} keys occurs "
                f"in one; the protocol published takes fewer",
            )

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        values_K = self.keys + np.random.default_rng(_VALUES_SEED).permutation(self.symbols - 1 - self.keys)
        keys_BP = rng.integers(0, self.keys, (count, length // 2))
        if training and self.protocol == CORRECTED:
            every = rng.permutation(keys_BP.size)[: self.keys]
            keys_BP.flat[every] = np.arange(self.keys)
        tokens_BL = np.full((count, length), self.symbols - 1)
        tokens_BL[:, 0 : 2 * keys_BP.shape[1] : 2] = keys_BP
        targets_BL = np.full((count, length), IGNORED)
        targets_BL[:, 1::2] = values_K[keys_BP]
        return tokens_BL, targets_BL
