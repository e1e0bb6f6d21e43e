"""Populations of pymoo, and children of their members: what the evolutionary algorithms have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from genome import Genome, Space
from genome.variation.class_mutation import invent
from genome.variation.class_sampling import Level
from search.algorithms.algorithm import Choice, Outcome, Past, Trial
from search.evolution.genome_operators import Draft, GenomeCrossover, GenomeMutation, tournament_winners, variables
from search.origin import Reason, Variation
from search.plan import Plan

LEAST_RAISED_RATE = 0.01
"""Mutation rate that a factor above 1 is applied to when the plan's own rate is lower."""


class Breeding:
    """Selection, recombination, mutation and survival by pymoo, for the objectives of one plan."""

    def __init__(self, plan: Plan, rng: Generator) -> None:
        self._plan = plan
        self._rng = rng
        self._problem = Problem(n_var=1, n_obj=len(plan.objectives), n_ieq_constr=1)
        self._selection = TournamentSelection(func_comp=tournament_winners)
        self._survival = RankAndCrowding()

    def survivors(self, population: Population, size: int) -> Population:
        """Return at most `size` members by rank of non-domination and crowding distance, which they then carry."""
        kept = self._survival.do(self._problem, population, n_survive=size, random_state=self._rng)
        return self.ranked(kept)

    def ranked(self, population: Population) -> Population:
        """Set rank and crowding distance of every member; no member leaves, so no number is drawn."""
        self._survival.do(self._problem, population, random_state=self._rng)
        return population

    def child(self, population: Population, space: Space, factor: float = 1.0) -> Trial:
        """Return a mutated child of two tournament winners, or of one that won both tournaments."""
        mating = self._selection(self._problem, _parents(population), 1, 2, random_state=self._rng)
        if mating[0][0] is mating[0][1]:
            return self.mutant(mating[0][0], space, factor)
        child = GenomeCrossover(space)(self._problem, mating, random_state=self._rng)
        return self._mutants(child, mating, space, factor)[0]

    def children(self, population: Population, space: Space, size: int, factor: float = 1.0) -> list[Trial]:
        """Return many such children at once, which takes less time for each."""
        mating = self._selection(self._problem, _parents(population), size, 2, random_state=self._rng)
        children = GenomeCrossover(space)(self._problem, mating, random_state=self._rng)
        return self._mutants(children, mating, space, factor)

    def mutant(self, parent: Individual, space: Space, factor: float = 1.0) -> Trial:
        """Return a mutated copy of one parent."""
        copy = Population.new("X", variables([Draft(parent.X[0].genome)]))
        return self._mutants(copy, [[parent]], space, factor)[0]

    def _mutants(self, children: Population, mating: Any, space: Space, factor: float) -> list[Trial]:
        """Return mutants of children; each row of `mating` holds the parents of one."""
        rate = min(1.0, max(self._plan.mutation, LEAST_RAISED_RATE if factor > 1 else 0.0) * factor)
        mutants = GenomeMutation(space, rate)(self._problem, children, random_state=self._rng)
        levels, trials = self._plan.space.levels, []
        for mutant, parents in zip(mutants, mating, strict=True):
            draft, grown = mutant.X[0], space
            if levels is not Level.BACKBONE:
                made, grown = invent(draft.genome, space, levels, self._plan.shape, self._rng, rate)
                draft = draft.changed(made)
            numbers = tuple(dict.fromkeys(int(parent.get("number")) for parent in parents))
            variation = Variation.CROSSOVER_AND_MUTATION if len(numbers) == 2 else Variation.MUTATION
            trials.append(Trial(draft, grown, variation, Choice(Reason.SELECTION), numbers))
        return trials


def individual(outcome: Outcome) -> Individual:
    """Return a member of a population, with its objectives F and its constraint violation G."""
    variable = variables([Draft(outcome.genome)])[0]
    return Individual(
        X=variable, F=np.array(outcome.objectives, float), G=np.array([outcome.violation]), number=outcome.number
    )


def to_json(population: Sequence[Individual]) -> list[list[Any]]:
    """Return number, objectives and violation of each member. Its genome is that of the candidate."""
    return [[i.get("number"), i.F.tolist(), float(i.G[0])] for i in population]


def from_json(rows: Sequence[Sequence[Any]], past: Past) -> Population:
    """Read the output of `to_json`, or that of an earlier version, which had the genome's text after the number."""
    named = {one.number: one.genome for one in past.begun}
    members = []
    for number, *text, point, excess in rows:
        genome = Genome.parse(text[0]) if text else named[number]
        members.append(individual(Outcome(number, genome, point, excess)))
    return Population.create(*members)


def _parents(population: Population) -> Population:
    """Return the feasible members, or all members when none is feasible."""
    feasible = population[population.get("FEAS")[:, 0]]
    return feasible if len(feasible) else population
