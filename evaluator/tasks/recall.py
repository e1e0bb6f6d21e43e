"""Multi-query associative recall: which value stood behind this key? (Arora et al. 2023, "Zoology", section 4.)

A sequence begins with N pairs `k1 v1 ... kN vN`. Then every key is asked once, at a distance that follows a
power law, and the model must answer with the key's value at the position of the key itself. Everything between
is the filler 0.

Shapes: B sequences, L tokens, N pairs, S places for a query, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from evaluator.evaluation import Budget, Metric, RecallTask
from evaluator.tasks.loaded import IGNORED, Examples

POWER = 0.01
"""Place g = 1, 2, ... of the query region is taken with probability proportional to g^(POWER - 1)."""

_VALIDATION_SEED = 0x5EED_4EC7


@dataclass(frozen=True)
class Recall:
    """Recall at one budget. The error of a sequence is the share of its queries answered wrongly.

    Raises:
        ValueError: more pairs than the length or the symbols allow.
    """

    symbols: int
    pairs: int
    length: int
    batch: int
    validation: Examples = field(repr=False)

    @classmethod
    def load(cls, task: RecallTask, budget: Budget) -> Recall:
        most = min(task.symbols // 2 - 1, budget.length // 4)
        if task.pairs > most:
            raise ValueError(
                f"pairs must be 1 to {most}, not {task.pairs}: {task.symbols} symbols have "
                f"{task.symbols // 2 - 1} keys, and length {budget.length} has room for {budget.length // 4} pairs"
            )
        rng = np.random.default_rng(_VALIDATION_SEED)
        validation = examples(rng, budget.validation, budget.length, task.symbols, task.pairs)
        return cls(task.symbols, task.pairs, budget.length, budget.batch, validation)

    @property
    def metric(self) -> Metric:
        return Metric.RECALL_ERROR

    def draw(self, rng: np.random.Generator) -> Examples:
        return examples(rng, self.batch, self.length, self.symbols, self.pairs)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        asked_BL = targets_BL != IGNORED
        wrong_BL = asked_BL & (logits_BLV.argmax(-1) != targets_BL)
        return wrong_BL.sum(1) / asked_BL.sum(1)


def examples(rng: np.random.Generator, count: int, length: int, symbols: int, pairs: int) -> Examples:
    """Fresh sequences. Keys are 1 to V/2 - 1 and values V/2 to V - 1, neither repeated within a sequence."""
    half = symbols // 2
    keys_BN = 1 + _distinct(rng.random((count, half - 1)), pairs)
    values_BN = half + _distinct(rng.random((count, half)), pairs)
    asked_BN = 2 * pairs + 2 * _places(rng, count, length // 2 - pairs, pairs)
    tokens_BL = np.zeros((count, length), np.int64)
    tokens_BL[:, 0 : 2 * pairs : 2] = keys_BN
    tokens_BL[:, 1 : 2 * pairs : 2] = values_BN
    targets_BL = np.full((count, length), IGNORED, np.int64)
    np.put_along_axis(tokens_BL, asked_BN, keys_BN, axis=1)
    np.put_along_axis(targets_BL, asked_BN, values_BN, axis=1)
    return Examples(torch.from_numpy(tokens_BL), torch.from_numpy(targets_BL))


def _places(rng: np.random.Generator, count: int, places: int, pairs: int) -> np.ndarray:
    """(B, N) of S places, drawn one after another without replacement: the Gumbel form of the power law."""
    log_weight_S = (POWER - 1) * np.log(np.arange(1, places + 1))
    return _distinct(-(log_weight_S + rng.gumbel(size=(count, places))), pairs)


def _distinct(order: np.ndarray, pairs: int) -> np.ndarray:
    """The columns of the `pairs` smallest entries of each row, smallest first."""
    smallest = np.argpartition(order, pairs - 1, axis=1)[:, :pairs]
    rank = np.argsort(np.take_along_axis(order, smallest, axis=1), axis=1)
    return np.take_along_axis(smallest, rank, axis=1)
