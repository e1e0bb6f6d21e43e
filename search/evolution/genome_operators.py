"""Mutation, crossover and tournament selection of whole genomes behind pymoo's interfaces.

pymoo passes decision variables as object arrays, shape (individuals, variables). Here each individual has one
variable, a `Draft`, so the shape is (individuals, 1). The number of genes handled travels with the draft, so that
operators share no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from pymoo.core.crossover import Crossover
from pymoo.core.individual import Individual
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem

from genome import Genome, Repaired, Space, mutate, recombine

GENES = 5
"""Genes of a LIV."""


@dataclass(frozen=True)
class Draft:
    """A genome and the work that made it.

    Attributes:
        genes: number of genes that operators handled to make it.
        repaired: number of genes among them that had to be repaired.
    """

    genome: Genome
    genes: int = 0
    repaired: int = 0

    def changed(self, made: Repaired) -> Draft:
        """Return the draft that an operator made of this one."""
        genes = self.genes + GENES * len(made.genome.segments)
        return Draft(made.genome, genes, self.repaired + made.changed)

    @classmethod
    def of(cls, made: Repaired) -> Self:
        """Return the draft of a genome that was made from nothing, such as a sample."""
        return cls(made.genome, GENES * len(made.genome.segments), made.changed)


class GenomeCrossover(Crossover):  # type: ignore[misc]  # pymoo ships no types
    """STAR's 2-point crossover. The first of the two children is kept."""

    def __init__(self, space: Space) -> None:
        super().__init__(n_parents=2, n_offsprings=1, prob=1.0)
        self.space = space

    def _do(self, problem: Problem, parents: Any, *_: Any, random_state: Generator, **__: Any) -> Any:
        """Return children, shape (1, matings, 1), of parents, shape (2, matings, 1)."""
        pairs = zip(parents[0, :, 0], parents[1, :, 0], strict=True)
        children = [recombine(mother.genome, father.genome, self.space, random_state)[0] for mother, father in pairs]
        return variables([Draft.of(child) for child in children])[np.newaxis]


class GenomeMutation(Mutation):  # type: ignore[misc]  # pymoo ships no types
    """Redraws each gene with probability `rate`."""

    def __init__(self, space: Space, rate: float) -> None:
        super().__init__(prob=1.0)
        self.space, self.rate = space, rate

    def _do(self, problem: Problem, drafts: Any, *_: Any, random_state: Generator, **__: Any) -> Any:
        """Return mutants, shape (individuals, 1), of drafts of the same shape."""
        mutants = [draft.changed(mutate(draft.genome, self.space, random_state, self.rate)) for draft in drafts[:, 0]]
        return variables(mutants)


def tournament_winners(population: Population, pairs: Any, *, random_state: Generator, **_: Any) -> Any:
    """Return the winner of each pair, shape (pairs, 1), of positions in the population, shape (pairs, 2).

    As in NSGA-II the smaller constraint violation wins; between two feasible individuals the lower rank, then the
    larger crowding distance. Ties are drawn.
    """
    winners = []
    for a, b in pairs:
        first, second = merit(population[a]), merit(population[b])
        winners.append(random_state.choice([a, b]) if first == second else a if first < second else b)
    return np.array(winners, dtype=int)[:, np.newaxis]


def merit(individual: Individual) -> tuple[float, ...]:
    """Return what individuals are compared by, smaller is better: violation, then rank, then crowding distance.

    pymoo ranks feasible individuals alone.
    """
    if individual.CV[0] > 0.0:
        return (individual.CV[0],)
    rank, crowding = individual.get("rank", "crowding")
    return 0.0, rank, -crowding


def variables(drafts: list[Draft]) -> Any:
    """Return drafts as pymoo's decision variables, an object array of shape (individuals, 1)."""
    column = np.empty((len(drafts), 1), dtype=object)
    column[:, 0] = drafts
    return column
