"""What a search asks for next: a new genome, or a further training of a candidate that it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from genome import Genome, Space
from search.algorithms.algorithm import Choice, Costs
from search.archive.runner_values import InFlight
from search.origin import Purpose, Reason, Variation


@dataclass(frozen=True)
class Proposal:
    """A genome that was not proposed before in this search.

    Attributes:
        seed, tokens: those of its first training.
        parents: numbers of its parents, at most two.
        variation: the operation that made it.
        baseline: the name of its reference architecture, or None.
        genes: genes handled to make it, including the genes of rejected duplicates.
        repaired: number of genes among them that had to be repaired.
        space: the space with the classes that were invented for this genome, or None without any.
        costs: its static metrics.
        trials: the tokens of trials of learning rates that its training does not go on from.
        choice: why it was chosen.
    """

    genome: Genome
    digest: str
    seed: int
    tokens: int
    parents: tuple[int, ...]
    variation: Variation
    baseline: str | None
    genes: int
    repaired: int
    space: Space | None = None
    costs: Costs = field(default_factory=dict)
    trials: int = 0
    choice: Choice = field(default_factory=lambda: Choice(Reason.SAMPLING))

    def first_training(self, number: int) -> InFlight:
        """Return the first training of the candidate with this number."""
        return InFlight(
            number=number,
            seed=self.seed,
            tokens=self.tokens,
            purpose=Purpose.SEARCH,
            attempt=1,
            spent=self.tokens + self.trials,
            genome=str(self.genome),
            baseline=self.baseline,
        )


class Further(NamedTuple):
    """A further training of a candidate. `spent` are the tokens that it reads itself; a checkpoint saves the others."""

    number: int
    seed: int
    tokens: int
    purpose: Purpose
    spent: int
