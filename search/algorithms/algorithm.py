"""What every algorithm does: it offers genomes to try, and learns from outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import moocore
import numpy as np
from numpy.random import Generator

from genome import Genome, Space, sample
from search.evolution.genome_operators import Draft
from search.origin import Reason, Variation
from search.plan import Plan

Costs = Mapping[str, float]
"""The static metrics of a genome, which are exact before it is trained."""

CostsOf = Callable[[Genome, Space], Costs]
"""Returns the static metrics of a genome in a space."""


@dataclass(frozen=True)
class Choice:
    """Why a genome was chosen.

    Attributes:
        predicted: the predicted value of the uncertain objective, or None without a prediction.
        deviation: standard deviation of one training around that prediction.
        improvement: the expected gain in hypervolume; the box that the algorithm chooses by has edges of 1.
        share: that gain as a share of the hypervolume that is dominated in this box.
        by: who asked for it, as that person or program calls itself, or the candidate of an earlier search.
    """

    reason: Reason
    predicted: float | None = None
    deviation: float | None = None
    improvement: float | None = None
    share: float | None = None
    by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, without what is not known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Trial:
    """A draft that becomes a proposal when its genome is new and its costs are within the plan's limits.

    Attributes:
        space: the space in which its genome is legal.
        parents: numbers of its parents, at most two.
        baseline: the name of its reference architecture, or None.
    """

    draft: Draft
    space: Space
    variation: Variation
    choice: Choice
    parents: tuple[int, ...] = ()
    baseline: str | None = None


@dataclass(frozen=True)
class Outcome:
    """A training that ended.

    Attributes:
        objectives: finite values to minimise, or None for a failure.
        violation: the sum of relative excesses over the constraints; 0 is feasible.
        tokens: training tokens on a lower rung; None on the whole budget.
        repeated: whether the candidate was trained on as many tokens before, with another seed.
        extra: whether the candidate does not count among those of the plan.
        earlier: whether an earlier search trained it.
        retried: whether the candidate had failed before, and somebody asked for another attempt.
    """

    number: int
    genome: Genome
    objectives: list[float] | None
    violation: float = 0.0
    tokens: int | None = None
    repeated: bool = False
    extra: bool = False
    earlier: bool = False
    retried: bool = False

    @property
    def feasible(self) -> bool:
        """Whether the training succeeded and the candidate keeps all limits."""
        return self.objectives is not None and self.violation == 0


@dataclass(frozen=True)
class Begun:
    """A candidate that was proposed, whether or not it ended.

    Attributes:
        extra: whether it does not count among those of the plan.
        earlier: whether it was taken over from an earlier search.
    """

    number: int
    genome: Genome
    digest: str
    costs: Costs
    extra: bool = False
    earlier: bool = False


@dataclass(frozen=True)
class Past:
    """What happened in a search before it was interrupted.

    Attributes:
        begun: all candidates, in the order of their numbers.
        outcomes: of their trainings that ended, in the order in which they were told.
        space: the space with all classes invented so far.
        trainings: number, tokens and purpose of every training that began, in the order in which they began.
    """

    begun: Sequence[Begun]
    outcomes: Sequence[Outcome]
    space: Space
    trainings: Sequence[tuple[int, int, str]] = ()

    @property
    def proposed(self) -> int:
        """Number of candidates that count among those of the plan."""
        return sum(not one.extra for one in self.begun)

    @property
    def earlier(self) -> int:
        """Number of candidates that were taken over from an earlier search."""
        return sum(one.earlier for one in self.begun)


class Algorithm(ABC):
    """Chooses genomes. Every random number follows from one generator, so that the same state gives the same search.

    Args:
        plan: the plan of the search.
        rng: the generator of the search.
        costs: returns the static metrics of a genome in a space.
    """

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        self.plan = plan
        self.rng = rng
        self.costs = costs

    @abstractmethod
    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        """Yield genomes to try until the search takes one; it takes the first that is new and within the limits.

        Args:
            space: the space of the search, with all classes invented so far.
            proposed: number of candidates of the plan that were proposed before, and of those taken over.
        """

    def prepare(self, space: Space, proposed: int) -> None:
        """Do work for the next proposal while no worker waits for one."""

    def begin(self, number: int, trial: Trial, costs: Costs) -> None:
        """Learn that a trial has become a candidate."""

    def train(self, number: int, tokens: int) -> None:
        """Learn that a training of a candidate begins, the first one or a promotion."""

    def tell(self, outcome: Outcome) -> None:
        """Learn from an outcome."""

    def promise(self, outcomes: Sequence[Outcome]) -> Sequence[float]:
        """Return how much candidates that ended on one rung promise on the whole budget; more is better.

        By default the rank of non-domination, and among equals the first objective.
        """
        found_ND = np.array([one.objectives for one in outcomes], float)
        order = np.lexsort((found_ND[:, 0], moocore.pareto_rank(found_ND)))
        return [-float(place) for place in np.argsort(order)]

    def waits(self, proposed: int) -> bool:
        """Return whether the next genome must wait for an outcome."""
        return False

    def state(self) -> dict[str, Any]:
        """Return as JSON what `restore` needs besides the past."""
        return {}

    def restore(self, state: Mapping[str, Any], past: Past) -> None:
        """Take on the state of an algorithm that had this past."""


def sampled(space: Space, rng: Generator, reason: Reason) -> Trial:
    """Return a random genome."""
    return Trial(Draft.of(sample(space, rng)), space, Variation.SAMPLE, Choice(reason))
