"""Which genome to try next: NSGA-II without generations. The only file that imports pymoo.

Every `ask` gives one genome and every `tell` one outcome, in any order, so no worker waits for
another. pymoo's operators are called as functions with our generator; what they need to know of the
past is the population, and that fits in a page of JSON, so a search resumes exactly where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator
from pymoo.algorithms.moo.nsga2 import binary_tournament
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.individual import Individual
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from genome import Genome, Repaired, Space, digest, mutate, recombine, sample
from genome.variation.class_mutation import invent
from genome.variation.class_sampling import Level
from search.plan import Plan

GENES = 5
"""Genes of a LIV."""

PATIENCE = 40
"""Tries at each of `PRESSURES` before the next one."""

PRESSURES = (1.0, 3.0, None)
"""When everything a search proposes is known already: factors on the mutation rate, then None, to sample anew."""


@dataclass(frozen=True)
class Proposal:
    """A genome never proposed before in this search.

    Attributes:
        parents: numbers of the candidates it descends from.
        variation: `baseline`, `sample`, `mutation` or `crossover+mutation`.
        baseline: the name of the reference architecture it is, or None.
        genes: genes handled to make it, those of rejected duplicates included.
        repaired: how many of them had to be repaired.
        space: the space with the classes invented for this genome, or None when it needs none.
    """

    genome: Genome
    digest: str
    parents: tuple[int, ...]
    variation: str
    baseline: str | None
    genes: int
    repaired: int
    space: Space | None = None


class Tally:
    """Counts genes as operators handle them."""

    def __init__(self) -> None:
        self.genes = 0
        self.repaired = 0

    def genome(self, made: Repaired) -> Genome:
        self.genes += GENES * len(made.genome.segments)
        self.repaired += made.changed
        return made.genome


class RandomGenomes(Sampling):  # type: ignore[misc]  # pymoo ships no types
    """Genomes drawn gene by gene."""

    def __init__(self, space: Space, tally: Tally) -> None:
        super().__init__()
        self.space, self.tally = space, tally

    def _do(self, problem: Problem, n_samples: int, *_: Any, random_state: Generator, **__: Any) -> Any:
        return _column([self.tally.genome(sample(self.space, random_state)) for _ in range(n_samples)])


class Recombination(Crossover):  # type: ignore[misc]  # pymoo ships no types
    """STAR's 2-point crossover; of its two children the first goes on."""

    def __init__(self, space: Space, tally: Tally) -> None:
        super().__init__(n_parents=2, n_offsprings=1, prob=1.0)
        self.space, self.tally = space, tally

    def _do(self, problem: Problem, parents: Any, *_: Any, random_state: Generator, **__: Any) -> Any:
        """Parents come as an object array (2, matings, 1); children go as (1, matings, 1)."""
        pairs = zip(parents[0, :, 0], parents[1, :, 0], strict=True)
        children = [recombine(mother, father, self.space, random_state)[0] for mother, father in pairs]
        return _column([self.tally.genome(child) for child in children])[np.newaxis]


class GeneMutation(Mutation):  # type: ignore[misc]  # pymoo ships no types
    """Each gene redrawn with probability `rate`."""

    def __init__(self, space: Space, tally: Tally, rate: float) -> None:
        super().__init__(prob=1.0)
        self.space, self.tally, self.rate = space, tally, rate

    def _do(self, problem: Problem, genomes: Any, *_: Any, random_state: Generator, **__: Any) -> Any:
        mutants = [mutate(genome, self.space, random_state, self.rate) for genome in genomes[:, 0]]
        return _column([self.tally.genome(mutant) for mutant in mutants])


class SeenElimination(DuplicateElimination):  # type: ignore[misc]  # pymoo ships no types
    """Drops genomes that decode like one proposed before."""

    def __init__(self, space: Space, seen: Iterable[str]) -> None:
        super().__init__()
        self.space, self.seen = space, set(seen)

    def _do(self, pop: Population, other: Population | None, is_duplicate: Any) -> Any:
        for n, individual in enumerate(pop):
            is_duplicate[n] |= digest(individual.X[0], self.space) in self.seen
        return is_duplicate


class Evolution:
    """Steady-state NSGA-II over genomes.

    Baselines come first, then random genomes until as many as the population holds were proposed,
    then children of tournament winners. While fewer than two outcomes are known it samples on, so a
    proposal is there whenever a worker is free.

    Args:
        plan: what to search.
        rng: a generator over PCG64; every draw comes from it.
        space: the job's stored space; the plan's own by default.
    """

    def __init__(self, plan: Plan, rng: Generator, space: Space | None = None, seen: Iterable[str] = ()) -> None:
        self._plan = plan
        self.space = space or plan.liv_space
        self._rng = rng
        self._tally = Tally()
        self._sampling = RandomGenomes(self.space, self._tally)
        self._selection = TournamentSelection(func_comp=binary_tournament)
        self._crossover = Recombination(self.space, self._tally)
        self._unseen = SeenElimination(self.space, seen)
        self._survival = RankAndCrowding()
        self._problem = Problem(n_var=1, n_obj=len(plan.objectives), n_ieq_constr=1)
        self._population = Population()
        self._proposed = 0
        self._baselines = [(name, str(genome)) for name, genome in plan.baseline_genomes().items()]

    def ask(self) -> Proposal | None:
        """The next genome to evaluate; None when no new one could be found, so the space may count as exhausted."""
        self._tally.genes = self._tally.repaired = 0
        while self._baselines:
            name, text = self._baselines.pop(0)
            proposal = self._fresh(self._individuals([Genome.parse(text)]), (), "baseline", name)
            if proposal:
                return proposal
        first = self._proposed < self._plan.population or len(self._population) < 2
        for pressure in (None,) * len(PRESSURES) if first else PRESSURES:
            for _ in range(PATIENCE):
                proposal = self._sampled() if pressure is None else self._bred(pressure)
                if proposal:
                    return proposal
        return None

    def tell(self, number: int, genome: Genome, objectives: list[float] | None, violation: float = 0.0) -> None:
        """What became of a candidate.

        Args:
            number: the candidate's number, by which its children will name it.
            objectives: finite, to be made small; None when it failed, and then it is forgotten.
            violation: how far it breaks the constraints; 0 is feasible.
        """
        if objectives is None:
            return
        newcomer = self._individual(number, genome, objectives, violation)
        merged = Population.merge(self._population, Population.create(newcomer))
        self._population = self._survival.do(
            self._problem, merged, n_survive=self._plan.population, random_state=self._rng
        )
        self._rank()

    def state(self) -> dict[str, Any]:
        """Everything but the digests seen, as JSON; those are the archive's candidates."""
        members = [[i.get("number"), str(i.X[0]), i.F.tolist(), float(i.G[0])] for i in self._population]
        generator = dict(self._rng.bit_generator.state)
        return {
            "rng": generator,
            "proposed": self._proposed,
            "baselines": [list(row) for row in self._baselines],
            "population": members,
        }

    @classmethod
    def restore(cls, plan: Plan, state: dict[str, Any], seen: Iterable[str], space: Space | None = None) -> Evolution:
        """The evolution that `state` was taken from: it goes on bit for bit as that one does.

        Args:
            seen: the digests of all candidates proposed until then.
        """
        bits = PCG64()
        bits.state = state["rng"]
        evolution = cls(plan, Generator(bits), space, seen)
        evolution._proposed = state["proposed"]
        evolution._baselines = [(name, text) for name, text in state["baselines"]]
        members = [evolution._individual(n, Genome.parse(g), f, v) for n, g, f, v in state["population"]]
        evolution._population = Population.create(*members)
        evolution._rank()
        return evolution

    def _sampled(self) -> Proposal | None:
        return self._fresh(self._sampling(self._problem, 1, random_state=self._rng), (), "sample")

    def _bred(self, pressure: float) -> Proposal | None:
        pool = self._pool()
        contest = SimpleNamespace(tournament_type="comp_by_rank_and_crowding", random_state=self._rng)
        mating = self._selection(self._problem, pool, 1, 2, random_state=self._rng, algorithm=contest)
        parents = tuple(dict.fromkeys(int(parent.get("number")) for parent in mating[0]))
        if len(parents) == 2:
            child = self._crossover(self._problem, mating, random_state=self._rng)
        else:
            child = self._individuals([mating[0][0].X[0]])
        rate = min(1.0, max(self._plan.mutation, 0.01 if pressure > 1 else 0.0) * pressure)
        mutation = GeneMutation(self.space, self._tally, rate)
        child = mutation(self._problem, child, random_state=self._rng)
        variation = "crossover+mutation" if len(parents) == 2 else "mutation"
        if self._plan.space.levels is Level.BACKBONE:
            return self._fresh(child, parents, variation)
        return self._with_inventions(child, parents, variation, rate)

    def _with_inventions(
        self, child: Population, parents: tuple[int, ...], variation: str, rate: float
    ) -> Proposal | None:
        """Let classes change too; the space grows only if the genome that needs it is proposed."""
        old, levels = self.space, self._plan.space.levels
        made, space = invent(child[0].X[0], old, levels, self._plan.shape, self._rng, rate)
        self._adopt(space)
        proposal = self._fresh(self._individuals([self._tally.genome(made)]), parents, variation)
        if proposal is None:
            self._adopt(old)
            return None
        return replace(proposal, space=None if space is old else space)

    def _adopt(self, space: Space) -> None:
        for operator in (self._sampling, self._crossover, self._unseen):
            operator.space = space
        self.space = space

    def _pool(self) -> Population:
        """Those who may become parents: the feasible, or everybody while nobody is."""
        feasible = self._population[self._population.get("FEAS")[:, 0]]
        return feasible if len(feasible) else self._population

    def _rank(self) -> None:
        """Give every member its rank and crowding among the others; when none has to go this draws no number."""
        self._survival.do(self._problem, self._population, random_state=self._rng)

    def _fresh(
        self, one: Population, parents: tuple[int, ...], variation: str, baseline: str | None = None
    ) -> Proposal | None:
        left = self._unseen.do(one, to_itself=True)
        if len(left) == 0:
            return None
        genome = left[0].X[0]
        key = digest(genome, self.space)
        self._unseen.seen.add(key)
        self._proposed += 1
        return Proposal(genome, key, parents, variation, baseline, self._tally.genes, self._tally.repaired)

    def _individuals(self, genomes: list[Genome]) -> Population:
        return Population.new("X", _column(genomes))

    def _individual(self, number: int, genome: Genome, objectives: list[float], violation: float) -> Individual:
        return Individual(X=_column([genome])[0], F=np.array(objectives, float), G=np.array([violation]), number=number)


def _column(genomes: list[Genome]) -> Any:
    """Genomes as pymoo's decision variables: one object each, shape (n, 1)."""
    column = np.empty((len(genomes), 1), dtype=object)
    column[:, 0] = genomes
    return column
