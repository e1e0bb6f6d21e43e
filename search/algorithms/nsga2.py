"""Steady-state NSGA-II: every outcome may replace a member of the population at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.random import Generator
from pymoo.core.population import Population

from genome import Space
from search.algorithms.algorithm import Algorithm, CostsOf, Outcome, Past, Trial, sampled
from search.algorithms.population import Breeding, from_json, individual, to_json
from search.origin import Reason
from search.plan import Plan

TRIES = 40
"""Tries at each of `RATE_FACTORS` before the next one."""

RATE_FACTORS = (1.0, 3.0)
"""Factors on the mutation rate, the second one for when the children are known already; then genomes are sampled."""


class SteadyState(Algorithm):
    """Samples until the population's size is reached, then breeds children of tournament winners.

    While fewer than two outcomes are known it continues to sample, so a free worker always gets a genome.
    """

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        super().__init__(plan, rng, costs)
        self._breeding = Breeding(plan, rng)
        self._population = Population()

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        first = proposed < self.plan.population or len(self._population) < 2
        for factor in () if first else RATE_FACTORS:
            for _ in range(TRIES):
                yield self._breeding.child(self._population, space, factor)
        for _ in range(TRIES * (1 + len(RATE_FACTORS) * first)):
            yield sampled(space, self.rng, Reason.SAMPLING)

    def tell(self, outcome: Outcome) -> None:
        if outcome.objectives is None or outcome.repeated:
            return
        merged = Population.merge(self._population, Population.create(individual(outcome)))
        self._population = self._breeding.survivors(merged, self.plan.population)

    def state(self) -> dict[str, Any]:
        return {"population": to_json(self._population)}

    def restore(self, state: Mapping[str, Any], past: Past) -> None:
        self._population = self._breeding.ranked(from_json(state["population"], past))
