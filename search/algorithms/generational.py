"""The generational protocol of STAR (section 4): NSGA-II that waits for a whole generation before it breeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any

from numpy.random import Generator
from pymoo.core.population import Population

from genome import Space
from search.algorithms.algorithm import Algorithm, CostsOf, Outcome, Past, Trial, sampled
from search.algorithms.population import Breeding, from_json, individual, to_json
from search.origin import Reason
from search.plan import Plan


class Generational(Algorithm):
    """Samples the first generation; each further one consists of children, and parents and children compete."""

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        super().__init__(plan, rng, costs)
        self._breeding = Breeding(plan, rng)
        self._parents = Population()
        self._arrived = Population()
        self._told = 0

    def waits(self, proposed: int) -> bool:
        return proposed % self.plan.population == 0 and self._told < proposed

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        if proposed < self.plan.population or len(self._parents) < 2:
            return (sampled(space, self.rng, Reason.SAMPLING) for _ in repeat(None))
        return (self._breeding.child(self._parents, space) for _ in repeat(None))

    def tell(self, outcome: Outcome) -> None:
        if outcome.repeated:
            return
        if outcome.objectives is not None:
            self._arrived = Population.merge(self._arrived, Population.create(individual(outcome)))
        if outcome.extra:  # it competes with the generation under way, but is not one of its number
            return
        self._told += 1
        if self._told % self.plan.population == 0 and len(self._arrived):
            merged = Population.merge(self._parents, self._arrived)
            self._parents, self._arrived = self._breeding.survivors(merged, self.plan.population), Population()

    def state(self) -> dict[str, Any]:
        return {"parents": to_json(self._parents), "arrived": to_json(self._arrived), "told": self._told}

    def restore(self, state: Mapping[str, Any], past: Past) -> None:
        self._parents = self._breeding.ranked(from_json(state["parents"], past))
        self._arrived = from_json(state["arrived"], past)
        self._told = state["told"]
