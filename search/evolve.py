"""Steady-state NSGA-II over genomes: every `ask` returns one genome and every `tell` reports one outcome.

Asks and tells may come in any order, so no worker waits for another. pymoo selects the parents, recombines and
mutates them, and selects the survivors; every random number comes from one generator. The whole state is that
generator, the population and two counters, so a search resumes exactly from its stored state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from genome import Genome, Space, digest, sample
from genome.variation.class_mutation import invent
from genome.variation.class_sampling import Level
from search.archive.values import Variation
from search.genome_operators import Draft, GenomeCrossover, GenomeMutation, tournament_winners, variables
from search.plan import Plan

TRIES = 40
"""Tries at each of `RATE_FACTORS` before the next one."""

RATE_FACTORS = (1.0, 3.0)
"""Factors on the mutation rate, the second one for when the children are known already; then genomes are sampled."""

LEAST_RAISED_RATE = 0.01
"""Mutation rate that a factor above 1 is applied to when the plan's own rate is lower."""


@dataclass(frozen=True)
class Proposal:
    """A genome that was not proposed before in this search.

    Attributes:
        parents: numbers of its parents, at most two.
        variation: the operation that made it.
        baseline: the name of its reference architecture, or None.
        genes: genes handled to make it, including the genes of rejected duplicates.
        repaired: number of genes among them that had to be repaired.
        space: the space with the classes that were invented for this genome, or None without any.
    """

    genome: Genome
    digest: str
    parents: tuple[int, ...]
    variation: Variation
    baseline: str | None
    genes: int
    repaired: int
    space: Space | None = None


@dataclass(frozen=True)
class Trial:
    """A draft that becomes a proposal when its genome is new.

    Attributes:
        space: the space in which its genome is legal.
    """

    draft: Draft
    space: Space
    variation: Variation
    parents: tuple[int, ...] = ()
    baseline: str | None = None


class Evolution:
    """A search over genomes.

    Baselines are proposed first, then samples until the population's size is reached, then children of tournament
    winners. While fewer than two outcomes are known it continues to sample, so a free worker always gets a genome.

    Args:
        plan: the plan of the search.
        rng: a generator over PCG64; every random number is drawn from it.
        space: the job's stored space; by default the space of the plan.
        seen: digests of the candidates proposed before.

    Attributes:
        space: the space of the search; it grows with each proposal that has a new class.
    """

    def __init__(self, plan: Plan, rng: Generator, space: Space | None = None, seen: Iterable[str] = ()) -> None:
        self._plan = plan
        self.space = space or plan.liv_space
        self._rng = rng
        self._seen = set(seen)
        self._selection = TournamentSelection(func_comp=tournament_winners)
        self._survival = RankAndCrowding()
        self._problem = Problem(n_var=1, n_obj=len(plan.objectives), n_ieq_constr=1)
        self._population = Population()
        self._proposed = 0
        self._baselines = [(name, str(genome)) for name, genome in plan.baseline_genomes().items()]

    def ask(self) -> Proposal | None:
        """Return the next genome to evaluate, or None when no new genome was found and the space is exhausted."""
        genes = repaired = 0
        for trial in self._trials():
            genes += trial.draft.genes
            repaired += trial.draft.repaired
            key = digest(trial.draft.genome, trial.space)
            if key in self._seen:
                continue
            grown = None if trial.space is self.space else trial.space
            self.space = trial.space
            self._seen.add(key)
            self._proposed += 1
            return Proposal(
                genome=trial.draft.genome,
                digest=key,
                parents=trial.parents,
                variation=trial.variation,
                baseline=trial.baseline,
                genes=genes,
                repaired=repaired,
                space=grown,
            )
        return None

    def tell(self, number: int, genome: Genome, objectives: list[float] | None, violation: float = 0.0) -> None:
        """Report the outcome of a candidate.

        Args:
            number: the candidate's number, by which its children name it.
            objectives: finite values to minimise, or None for a failure, which never becomes a parent.
            violation: the sum of relative excesses over the constraints; 0 is feasible.
        """
        if objectives is None:
            return
        newcomer = _individual(number, genome, objectives, violation)
        merged = Population.merge(self._population, Population.create(newcomer))
        size = self._plan.population
        self._population = self._survival.do(self._problem, merged, n_survive=size, random_state=self._rng)
        self._rank()

    def state(self) -> dict[str, Any]:
        """Return the state as JSON, except for the digests seen, which are the archive's candidates."""
        members = [[i.get("number"), str(i.X[0].genome), i.F.tolist(), float(i.G[0])] for i in self._population]
        return {
            "rng": dict(self._rng.bit_generator.state),
            "proposed": self._proposed,
            "baselines": [list(row) for row in self._baselines],
            "population": members,
        }

    @classmethod
    def restore(cls, plan: Plan, state: dict[str, Any], seen: Iterable[str], space: Space | None = None) -> Evolution:
        """Return the evolution that had this state. It makes the same proposals from there on.

        Args:
            seen: digests of all candidates proposed until then.
        """
        bits = PCG64()
        bits.state = state["rng"]
        evolution = cls(plan, Generator(bits), space, seen)
        evolution._proposed = state["proposed"]
        evolution._baselines = [(name, text) for name, text in state["baselines"]]
        members = [_individual(n, Genome.parse(g), f, v) for n, g, f, v in state["population"]]
        evolution._population = Population.create(*members)
        evolution._rank()
        return evolution

    def _trials(self) -> Iterable[Trial]:
        """Yield genomes to try until one is new: baselines, then samples or children, then samples again."""
        while self._baselines:
            name, text = self._baselines.pop(0)
            yield Trial(Draft(Genome.parse(text)), self.space, Variation.BASELINE, baseline=name)
        first = self._proposed < self._plan.population or len(self._population) < 2
        for factor in () if first else RATE_FACTORS:
            for _ in range(TRIES):
                yield self._child(factor)
        for _ in range(TRIES * (1 + len(RATE_FACTORS) * first)):
            yield Trial(Draft.of(sample(self.space, self._rng)), self.space, Variation.SAMPLE)

    def _child(self, factor: float) -> Trial:
        """Return a mutated child of two tournament winners, or of one that won both tournaments."""
        mating = self._selection(self._problem, self._parents(), 1, 2, random_state=self._rng)
        numbers = tuple(dict.fromkeys(int(parent.get("number")) for parent in mating[0]))
        if len(numbers) == 2:
            variation = Variation.CROSSOVER_AND_MUTATION
            child = GenomeCrossover(self.space)(self._problem, mating, random_state=self._rng)
        else:
            variation = Variation.MUTATION
            child = Population.new("X", variables([Draft(mating[0][0].X[0].genome)]))
        rate = min(1.0, max(self._plan.mutation, LEAST_RAISED_RATE if factor > 1 else 0.0) * factor)
        mutant = GenomeMutation(self.space, rate)(self._problem, child, random_state=self._rng)
        draft, space = mutant[0].X[0], self.space
        levels = self._plan.space.levels
        if levels is not Level.BACKBONE:
            made, space = invent(draft.genome, space, levels, self._plan.shape, self._rng, rate)
            draft = draft.changed(made)
        return Trial(draft, space, variation, numbers)

    def _parents(self) -> Population:
        """Return the feasible members of the population, or all members when none is feasible."""
        feasible = self._population[self._population.get("FEAS")[:, 0]]
        return feasible if len(feasible) else self._population

    def _rank(self) -> None:
        """Set the rank and the crowding distance of every member; no member leaves, so no number is drawn."""
        self._survival.do(self._problem, self._population, random_state=self._rng)


def _individual(number: int, genome: Genome, objectives: list[float], violation: float) -> Individual:
    """Return a member of the population, with its objectives F and its constraint violation G."""
    variable = variables([Draft(genome)])[0]
    return Individual(X=variable, F=np.array(objectives, float), G=np.array([violation]), number=number)
