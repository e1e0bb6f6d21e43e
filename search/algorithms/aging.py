"""Aging evolution (Real et al. 2019, algorithm 1): the oldest member leaves, however good it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any

from numpy.random import Generator
from pymoo.core.individual import Individual
from pymoo.core.population import Population

from genome import Space
from search.algorithms.algorithm import Algorithm, CostsOf, Outcome, Past, Trial, sampled
from search.algorithms.population import Breeding, from_json, individual, to_json
from search.evolution.genome_operators import merit
from search.origin import Reason
from search.plan import Plan

CONTEST = 0.25
"""Share of the population among which a parent is the best, as in the source."""


class Aging(Algorithm):
    """Mutates the best of a few members drawn at random: by violation, rank of non-domination, then crowding."""

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        super().__init__(plan, rng, costs)
        self._breeding = Breeding(plan, rng)
        self._members: deque[Individual] = deque(maxlen=plan.population)

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        if proposed < self.plan.population or len(self._members) < 2:
            return (sampled(space, self.rng, Reason.SAMPLING) for _ in repeat(None))
        return (self._breeding.mutant(self._winner(), space) for _ in repeat(None))

    def tell(self, outcome: Outcome) -> None:
        if outcome.objectives is not None and not outcome.repeated:
            self._members.append(individual(outcome))

    def state(self) -> dict[str, Any]:
        return {"members": to_json(tuple(self._members))}

    def restore(self, state: Mapping[str, Any], past: Past) -> None:
        self._members.extend(from_json(state["members"], past))

    def _winner(self) -> Individual:
        size = max(2, round(CONTEST * len(self._members)))
        places = self.rng.choice(len(self._members), size=size, replace=False)
        contest = self._breeding.ranked(Population.create(*(self._members[int(n)] for n in places)))
        return min(contest, key=merit)
