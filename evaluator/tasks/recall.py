"""Multi-query associative recall (Arora et al. 2023, "Zoology", section 4).

A sequence begins with N pairs `k1 v1 ... kN vN`. Each key then occurs once more, at a distance drawn from a power
law, and the model has to predict the key's value at the position of that key. All other positions hold the filler 0.

Shapes: B sequences, L tokens, N pairs, S positions for a query, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Format, Metric, MetricKind
from evaluator.tasks.loaded import IGNORED, Examples, share_wrong
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

POWER = 0.01
"""Position g = 1, 2, ... of the query region is drawn with probability proportional to g^(POWER - 1)."""

TOKENS_PER_PAIR = 4
"""Shortest sequence for one pair: two tokens for the pair itself and two for its query."""

_VALIDATION_SEED = 0x5EED_4EC7


class RecallTask(Task):
    """Multi-query associative recall (Zoology), scored by the share of queries answered wrongly."""

    kind: Literal["recall"] = "recall"
    symbols: int = Field(
        default=64, ge=8, le=65536, multiple_of=2, description="size of the vocabulary: half keys, half values"
    )
    pairs: int = Field(default=8, ge=1, le=4096, description="key-value pairs in a sequence")

    title: ClassVar[str] = "Recall"
    summary: ClassVar[str] = "find the value that belongs to a key"
    brief: ClassVar[str] = "recall of {pairs} pairs among {symbols} symbols"
    metric: ClassVar[Metric] = Metric("recall_error", "Recall error", MetricKind.TRAINED, "lower", format=Format.SHARE)
    vocabulary: ClassVar[int | str] = "symbols"

    @property
    def chance(self) -> float:
        """Every query answered wrongly."""
        return 1.0

    def require_fit(self, budget: Budget) -> None:
        keys = self.symbols // 2 - 1  # the symbol 0 is the filler
        if self.pairs > keys:
            raise FieldError(
                ("task", "pairs"),
                f"pairs must be 1 to {keys}, not {self.pairs}: {self.symbols} symbols have {keys} keys",
            )
        shortest = TOKENS_PER_PAIR * self.pairs
        if budget.length < shortest:
            raise FieldError(
                ("budget", "length"),
                f"length must be {shortest} or more for recall of {self.pairs} pairs, not {budget.length}",
            )

    def load(self, budget: Budget) -> Recall:
        self.require_fit(budget)
        rng = np.random.default_rng(_VALIDATION_SEED)
        validation = examples(rng, budget.validation, budget.length, self.symbols, self.pairs)
        return Recall(self.symbols, self.pairs, budget.length, budget.batch, validation)


@dataclass(frozen=True)
class Recall:
    """Recall at one budget. The error of a sequence is the share of its queries answered wrongly."""

    symbols: int
    pairs: int
    length: int
    batch: int
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        return examples(rng, self.batch, self.length, self.symbols, self.pairs)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return share_wrong(logits_BLV.argmax(-1), targets_BL)


def examples(rng: np.random.Generator, count: int, length: int, symbols: int, pairs: int) -> Examples:
    """Draw sequences. Keys are 1 to V/2 - 1, values V/2 to V - 1; neither occurs in two pairs of a sequence."""
    half = symbols // 2
    keys_BN = 1 + _distinct(rng.random((count, half - 1)), pairs)
    values_BN = half + _distinct(rng.random((count, half)), pairs)
    asked_BN = 2 * pairs + 2 * _positions(rng, count, length // 2 - pairs, pairs)
    tokens_BL = np.zeros((count, length), np.int64)
    tokens_BL[:, 0 : 2 * pairs : 2] = keys_BN
    tokens_BL[:, 1 : 2 * pairs : 2] = values_BN
    targets_BL = np.full((count, length), IGNORED, np.int64)
    np.put_along_axis(tokens_BL, asked_BN, keys_BN, axis=1)
    np.put_along_axis(targets_BL, asked_BN, values_BN, axis=1)
    return Examples.of(tokens_BL, targets_BL)


def _positions(rng: np.random.Generator, count: int, positions: int, pairs: int) -> np.ndarray:
    """Draw (B, N) of S positions from the power law without replacement, by the Gumbel top-k trick."""
    log_weight_S = (POWER - 1) * np.log(np.arange(1, positions + 1))
    return _distinct(-(log_weight_S + rng.gumbel(size=(count, positions))), pairs)


def _distinct(order: np.ndarray, pairs: int) -> np.ndarray:
    """Return the columns of the `pairs` smallest entries of each row, smallest first."""
    smallest = np.argpartition(order, pairs - 1, axis=1)[:, :pairs]
    rank = np.argsort(np.take_along_axis(order, smallest, axis=1), axis=1)
    return np.take_along_axis(smallest, rank, axis=1)
