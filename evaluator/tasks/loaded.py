"""The data of a task, ready for training: batches, a validation set and a score.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
"""The target of positions without a label; they count neither in the loss nor in the score."""


class Examples(NamedTuple):
    """Input tokens and the tokens to predict at the same positions: int64, both (B, L).

    Positions without a label have the target `IGNORED`. A task with a real input has float32 values in place of tokens:
    (B, L, channels), and the (B, L, vocab) to predict, all of which are labels.
    """

    tokens: Tensor
    targets: Tensor

    @classmethod
    def of(cls, tokens_BL: np.ndarray, targets_BL: np.ndarray) -> Examples:
        """Examples from arrays, which they share memory with."""
        import torch  # here, so that a plan is read without loading torch

        return cls(torch.from_numpy(tokens_BL), torch.from_numpy(targets_BL))

    @classmethod
    def shifted(cls, tokens_BL: np.ndarray) -> Examples:
        """Examples from L + 1 tokens, the first L of which are the inputs, and the last L the targets."""
        return cls.of(tokens_BL[:, :-1].copy(), tokens_BL[:, 1:].copy())


class LoadedTask(Protocol):
    """One task at one budget.

    Attributes:
        validation: the validation set; it depends on the task and the budget, not on a candidate or its seed.
    """

    @property
    def validation(self) -> Examples: ...

    def draw(self, rng: np.random.Generator) -> Examples:
        """Draw a training batch of the budget's size."""
        ...

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        """Compute the metric of each sequence: (B,), smaller is better."""
        ...


def share_wrong(answers_BL: Tensor, targets_BL: Tensor) -> Tensor:
    """Return the share of each sequence's answers that are wrong, (B,); every sequence has a label."""
    asked_BL = targets_BL != IGNORED
    return (asked_BL & (answers_BL != targets_BL)).sum(1) / asked_BL.sum(1)


def mean_bits(logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
    """Compute the mean cross-entropy of each sequence in bits, (B,), where every position has a label."""
    from torch.nn import functional  # here, so that a plan is read without loading torch

    nats_BL = functional.cross_entropy(logits_BLV.float().transpose(1, 2), targets_BL, reduction="none")
    return nats_BL.mean(1) / math.log(2)
