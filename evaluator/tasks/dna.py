"""Language modelling on DNA, scored in bits per base.

Shapes: B sequences, L bases, V vocabulary (4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric, MetricKind
from evaluator.tasks.files.corpus import VALIDATION_SHARE
from evaluator.tasks.files.fasta import BASES, sequences_of
from evaluator.tasks.files.pieces import Windows, require_room
from evaluator.tasks.files.places import permitted_path
from evaluator.tasks.loaded import Examples, mean_bits
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

MIN_SEQUENCES = 2


class DNATask(Task):
    """Language modelling on DNA, scored by the validation loss in bits per base."""

    kind: Literal["dna"] = "dna"
    data: str = Field(
        default="",
        max_length=4096,
        description="FASTA file, plain or with gzip, or a directory of such files; an absolute path in a directory "
        "that the operator has allowed",
    )
    both_strands: bool = Field(
        default=True, description="whether half of the training sequences are replaced by their reverse complement"
    )

    title: ClassVar[str] = "DNA"
    summary: ClassVar[str] = "predict the bases of sequences"
    brief: ClassVar[str] = "DNA from {data}"
    metric: ClassVar[Metric] = Metric("bits_per_base", "Bits per base", MetricKind.TRAINED, "fewer", base=2)
    vocabulary: ClassVar[int | str] = len(BASES)

    @property
    def chance(self) -> float:
        """The loss of a uniform distribution over four bases."""
        return 2.0

    def permitted(self, corpora: Sequence[Path]) -> Self:
        try:
            path = permitted_path("data", self.data, corpora, "file or directory", Path.exists)
            _split(str(path))
        except (ValueError, OSError) as error:
            raise FieldError(("task", "data"), str(error)) from None
        return self.model_copy(update={"data": str(path)})

    def load(self, budget: Budget) -> DNA:
        try:
            train, validation = _split(self.data)
        except (ValueError, OSError) as error:
            raise FieldError(("task", "data"), str(error)) from None
        require_room(budget, self.data, training=train, validation=validation)
        held_out = Examples.shifted(Windows(validation, budget.length).spread(budget.validation))
        return DNA(Windows(train, budget.length), budget.batch, self.both_strands, held_out)


@dataclass(frozen=True)
class DNA:
    """DNA at one budget: sequences of L + 1 known bases, of which each but the first is predicted."""

    train: Windows = field(repr=False)
    batch: int
    both_strands: bool
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        bases_BL = self.train.drawn(rng, self.batch)
        if self.both_strands:
            turned_B = rng.random(self.batch) < 0.5
            bases_BL[turned_B] = len(BASES) - 1 - bases_BL[turned_B, ::-1]  # A and T, C and G lie opposite each other
        return Examples.shifted(bases_BL)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        return mean_bits(logits_BLV, targets_BL)


@lru_cache(maxsize=2)
def _split(data: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Read the pieces for training and those of whole sequences that are held out, a tenth of all bases or more."""
    found = list(sequences_of(Path(data)).values())
    if len(found) < MIN_SEQUENCES:
        raise ValueError(f"{data} has one sequence; two or more are needed, as whole sequences are held out")
    sizes = np.cumsum([sum(map(len, pieces)) for pieces in found])
    held = min(int(np.searchsorted(sizes, VALIDATION_SHARE * sizes[-1])) + 1, len(found) - 1)
    return list(chain(*found[held:])), list(chain(*found[:held]))
