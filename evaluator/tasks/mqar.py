"""Multi-query associative recall by two published protocols (Arora et al. 2023, 2024): Zoology's, and that of Based.

Zoology trains on sequences of one length and number of pairs. Based trains on short sequences with few pairs and on
longer ones with more, and validates on longer ones still. A training set is a list of seeds, and a sequence is drawn
from its seed whenever it is in a batch, so that no set is kept in memory.

Shapes: B sequences, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.loaded import IGNORED, Examples, share_wrong
from evaluator.tasks.recall import RecallTask, examples
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

_TRAINING_SEED, _VALIDATION_SEED = 0x209_0106, 0x209_5EED


class Part(NamedTuple):
    """Sequences of a training or validation set that have one length and number of pairs."""

    length: int
    pairs: int
    sequences: int


BASED_TRAINING = (
    Part(64, 4, 100_000),
    Part(128, 8, 20_000),
    Part(256, 16, 20_000),
    Part(256, 32, 20_000),
    Part(256, 64, 20_000),
)
BASED_VALIDATION = (
    Part(64, 4, 1000),
    Part(64, 8, 1000),
    Part(64, 16, 1000),
    Part(128, 32, 1000),
    Part(256, 64, 1000),
    Part(512, 128, 1000),
    Part(1024, 256, 1000),
)
"""The sets of Based (Arora et al. 2024, figure 2); a job takes the parts that fit its budget's length."""


class MQARTask(Task):
    """Multi-query associative recall as published, scored by the share of queries answered wrongly."""

    kind: Literal["mqar"] = "mqar"
    protocol: Literal["zoology", "based"] = Field(
        default="zoology",
        description="zoology: one length and number of pairs, zeros between queries; based: training on several "
        "lengths up to 256, validation up to 1,024, random tokens between queries",
    )
    symbols: int = Field(
        default=8192, ge=8, le=65536, multiple_of=2, description="size of the vocabulary: half keys, half values"
    )
    pairs: int = Field(default=4, ge=1, le=4096, description="key-value pairs in a sequence of zoology")
    examples: int = Field(
        default=100_000, ge=1, le=2**32, description="training sequences of zoology, drawn with replacement"
    )

    title: ClassVar[str] = "MQAR"
    summary: ClassVar[str] = "multi-query associative recall by a published protocol"
    brief: ClassVar[str] = "MQAR as in {protocol}, {symbols} symbols"
    metric: ClassVar[Metric] = RecallTask.metric
    vocabulary: ClassVar[int | str] = "symbols"

    @property
    def chance(self) -> float:
        """Every query answered wrongly."""
        return 1.0

    def require_fit(self, budget: Budget) -> None:
        if self.protocol == "zoology":
            RecallTask(symbols=self.symbols, pairs=self.pairs).require_fit(budget)
            return
        shortest, most = BASED_TRAINING[0].length, max(part.pairs for part in _within(BASED_VALIDATION, budget.length))
        if budget.length < shortest:
            raise FieldError(
                ("budget", "length"), f"length must be {shortest} or more for MQAR as in based, not {budget.length}"
            )
        if self.symbols < 2 * most + 2:
            raise FieldError(
                ("task", "symbols"),
                f"symbols must be {2 * most + 2} or more for {most} pairs of a sequence, not {self.symbols}",
            )

    def load(self, budget: Budget) -> MQAR:
        self.require_fit(budget)
        if self.protocol == "zoology":
            training = validation = [Part(budget.length, self.pairs, self.examples)]
        else:
            training = _within(BASED_TRAINING, budget.length)
            validation = _within(BASED_VALIDATION, budget.length)
        random_filler = self.protocol == "based"
        held_out = [
            _sequence(_VALIDATION_SEED, n, self.symbols, validation[n % len(validation)], random_filler)
            for n in range(budget.validation)
        ]
        return MQAR(training, self.symbols, budget.batch, random_filler, _padded(held_out))


@dataclass(frozen=True)
class MQAR:
    """MQAR at one budget. All sequences of a batch are of one part; those of validation are filled up to one length."""

    training: Sequence[Part]
    symbols: int
    batch: int
    random_filler: bool
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        counts = np.array([part.sequences for part in self.training])
        n = rng.choice(len(counts), p=counts / counts.sum())
        chosen_B = counts[:n].sum() + rng.integers(0, counts[n], self.batch)
        part, filler = self.training[n], self.random_filler
        return _padded([_sequence(_TRAINING_SEED, number, self.symbols, part, filler) for number in chosen_B])

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return share_wrong(logits_BLV.argmax(-1), targets_BL)


def _within(parts: Sequence[Part], length: int) -> list[Part]:
    """Return the parts that are no longer than this, or else the shortest."""
    return [part for part in parts if part.length <= length] or [parts[0]]


def _sequence(seed: int, number: int, symbols: int, part: Part, random_filler: bool) -> Examples:
    """Draw the sequence of this number: (1, L)."""
    rng = np.random.default_rng((seed, int(number)))
    drawn = examples(rng, 1, part.length, symbols, part.pairs)
    if random_filler:
        blank = drawn.tokens == 0
        drawn.tokens[blank] = drawn.tokens.new_tensor(rng.integers(0, symbols, int(blank.sum())))
    return drawn


def _padded(drawn: Sequence[Examples]) -> Examples:
    """Put sequences together, (B, L) for the longest L; behind the end of a shorter one nothing is asked."""
    from torch.nn.utils.rnn import pad_sequence  # here, so that a plan is read without loading torch

    return Examples(
        pad_sequence([one.tokens[0] for one in drawn], batch_first=True),
        pad_sequence([one.targets[0] for one in drawn], batch_first=True, padding_value=IGNORED),
    )
