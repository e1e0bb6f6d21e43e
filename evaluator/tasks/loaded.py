"""A task made ready for training: where batches come from and how answers are scored.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from evaluator.evaluation import Metric

IGNORED = -100
"""The target at positions where nothing is asked: no loss, no score."""


class Examples(NamedTuple):
    """Sequences and what should follow: int64, both (B, L); `IGNORED` where nothing is asked."""

    tokens: Tensor
    targets: Tensor


class LoadedTask(Protocol):
    """One task at one budget.

    Attributes:
        metric: what `score` measures.
        validation: the fixed set; the same for every candidate, whatever its seed.
    """

    @property
    def metric(self) -> Metric: ...

    @property
    def validation(self) -> Examples: ...

    def draw(self, rng: np.random.Generator) -> Examples:
        """A fresh training batch of the budget's size."""
        ...

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        """The metric of each sequence: (B,), smaller is better."""
        ...
