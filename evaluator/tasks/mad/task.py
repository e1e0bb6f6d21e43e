"""What the six tasks of MAD have in common: a fixed set of training sequences, two protocols, and the error.

MAD is short for mechanistic architecture design (Poli et al. 2024, arXiv 2403.17844). The protocol `published` repeats
that of the reference implementation with its faults, so that numbers compare with published ones; `corrected` mends
them. docs/tasks.md lists the faults.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Format, Metric, MetricKind
from evaluator.tasks.loaded import IGNORED, Examples, share_wrong
from evaluator.tasks.mad.error import macro_error
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED, CORRECTED = "published", "corrected"

MOST_EXAMPLES = 1_000_000
MOST_TOKENS = 2**24
"""Tokens of all training sequences, which take about 1 GiB while they are drawn, and a tenth of it afterwards."""

_TRAINING_SEED, _VALIDATION_SEED = 0x3AD_7EA1, 0x3AD_5EED

Arrays = tuple[np.ndarray, np.ndarray]
"""Input tokens and targets, both (B, L); targets are `IGNORED` where nothing is asked."""


class Setting(NamedTuple):
    """The sizes of one run of a MAD task: tokens in a sequence, and the fields of the task that it changes."""

    length: int
    fields: dict[str, int | float]


def error_metric(name: str, label: str) -> Metric:
    """Return the metric of a MAD task: the share of its answers that are wrong."""
    return Metric(name, label, MetricKind.TRAINED, "lower", format=Format.SHARE)


class MADTask(Task):
    """A task of MAD. Subclasses narrow `symbols` and `examples` to their own defaults and bounds."""

    symbols: int = Field(default=16, ge=8, le=1024, description="size of the vocabulary")
    examples: int = Field(
        default=12_800,
        ge=1,
        le=MOST_EXAMPLES,
        description="training sequences, drawn with replacement for every batch",
    )
    protocol: Literal["published", "corrected"] = Field(
        default="corrected",
        description="published: as the authors' code trains and scores, faults included, so that numbers compare "
        "with published ones; corrected: without the faults",
    )

    vocabulary: ClassVar[int | str] = "symbols"
    baseline: ClassVar[Setting]
    """The sizes with which the source compares architectures first."""

    @property
    @abstractmethod
    def answers(self) -> int:
        """The number of different answers, all equally likely."""

    @property
    def chance(self) -> float:
        """The error of guessing one of the possible answers."""
        return 1 - 1 / self.answers

    @abstractmethod
    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        """Draw sequences, for training or for validation. The sizes have passed `require_fit`."""

    def require_fit(self, budget: Budget) -> None:
        if self.examples * budget.length > MOST_TOKENS:
            most = MOST_TOKENS // budget.length
            raise FieldError(
                ("task", "examples"),
                f"examples must be 1 to {most} at a length of {budget.length} tokens, not {self.examples}",
            )

    def load(self, budget: Budget) -> MAD:
        self.require_fit(budget)
        training = self.generate(np.random.default_rng(_TRAINING_SEED), self.examples, budget.length, training=True)
        held_out = self.generate(np.random.default_rng(_VALIDATION_SEED), budget.validation, budget.length, False)
        validation = Examples.of(*(part.astype(np.int64) for part in held_out))
        tokens_NL, targets_NL = training
        return MAD(tokens_NL.astype(np.uint16), targets_NL.astype(np.int32), budget.batch, self.protocol, validation)


@dataclass(frozen=True)
class MAD:
    """A MAD task at one budget.

    Under `corrected` the error of a sequence is the share of its answers that are wrong. Under `published` it is the
    sequence's part of the macro-averaged error of the batch that is scored together.

    Attributes:
        tokens: those of all training sequences, (N, L).
        targets: likewise.
    """

    tokens: np.ndarray = field(repr=False)
    targets: np.ndarray = field(repr=False)
    batch: int
    protocol: str
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        chosen_B = rng.integers(0, len(self.tokens), self.batch)
        return Examples.of(self.tokens[chosen_B].astype(np.int64), self.targets[chosen_B].astype(np.int64))

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return ERRORS[self.protocol](logits_BLV.argmax(-1), targets_BL)


ERRORS = {PUBLISHED: macro_error, CORRECTED: share_wrong}


def followed(tokens_BN: np.ndarray, asked_BN: np.ndarray, length: int, everything: bool) -> Arrays:
    """Cut N >= L tokens to L inputs and the tokens that follow them.

    Args:
        asked_BN: whether a token is an answer, and so the target of the position before it.
        everything: whether every next token is a target, an answer or not.
    """
    targets_BN = np.full((len(tokens_BN), max(length, tokens_BN.shape[1])), IGNORED, np.int64)
    next_BN = tokens_BN[:, 1:]
    targets_BN[:, : next_BN.shape[1]] = next_BN if everything else np.where(asked_BN[:, 1:], next_BN, IGNORED)
    return tokens_BN[:, :length], targets_BN[:, :length]
