"""A search that is asked, told and interrupted by a script."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple

import numpy as np

from genome import Genome, Space, digest, sample
from search.algorithms.algorithm import Begun, Outcome, Past
from search.evolution.evolve import Evolution
from search.evolution.ordering import kind_of_evolution
from search.evolution.proposal import Further, Proposal
from search.objectives import objectives
from search.origin import EXTRA, Purpose
from search.plan import Plan
from tests.search.twin import analytic, twin_costs


def begun(plan: Plan, seed: int = 0) -> Evolution:
    """Return a new search whose static costs follow the formula of the twin."""
    return kind_of_evolution(plan)(plan, np.random.Generator(np.random.PCG64(seed)), twin_costs(plan))


def asked(evolution: Evolution) -> Proposal:
    """Return the next proposal; there must be one."""
    proposal = evolution.ask()
    assert isinstance(proposal, Proposal)
    return proposal


class UnderWay(NamedTuple):
    """A training in flight."""

    number: int
    genome: Genome
    tokens: int
    purpose: str


class Journey:
    """Follows a script of asks, tells, failures and infeasible outcomes, in any order."""

    def __init__(self, evolution: Evolution, plan: Plan) -> None:
        self.evolution = evolution
        self.plan = plan
        self.begun: list[Begun] = []
        self.trainings: list[tuple[int, int, str]] = []
        self.outcomes: list[Outcome] = []
        self.in_flight: list[UnderWay] = []
        self.made: list[tuple[object, ...]] = []

    def take_over(self, genomes: Iterable[Genome]) -> None:
        """Begin with what an earlier search found."""
        space = self.evolution.space
        for number, genome in enumerate(genomes, 1):
            costs = twin_costs(self.plan)(genome, space)
            self.begun.append(Begun(number, genome, digest(genome, space), costs, extra=True, earlier=True))
            point = objectives(analytic(genome), self.plan)
            self.outcomes += [Outcome(number, genome, point, repeated=again, earlier=True) for again in (False, True)]
            self.trainings.append((number, self.plan.budget.tokens, Purpose.WARM_START))
        self.evolution.take_over(Past(list(self.begun), list(self.outcomes), space, list(self.trainings)))

    def step(self, choice: int) -> None:
        if choice == 11:
            self.evolution.prepare()
        elif choice == 12:
            self._inject()
        elif choice < 4 or not self.in_flight:
            self._ask()
        else:
            self._tell(self.in_flight.pop(choice % len(self.in_flight)), choice)

    def step_tell(self, place: int) -> None:
        """Tell the outcome of one of the trainings in flight, which depends on nothing else."""
        one = self.in_flight.pop(place)
        self._tell(one, 4 + (one.number * 7 + one.tokens) % 7)

    def _tell(self, one: UnderWay, choice: int) -> None:
        missing = 1 - one.tokens / self.plan.budget.tokens
        point = [round(x + missing, 1) for x in objectives(analytic(one.genome), self.plan)]  # with ties
        tokens = None if missing == 0 else one.tokens
        found = None if choice == 4 else point
        excess = 0.5 if choice in (5, 6) else 0.0
        self.outcomes.append(Outcome(one.number, one.genome, found, excess, tokens, one.purpose == Purpose.REPEAT))
        self.evolution.tell(self.outcomes[-1])

    def _ask(self) -> None:
        asked = self.evolution.ask()
        if asked is None:  # a generation is not complete, or all is done
            return
        if isinstance(asked, Further):
            genome = self.begun[asked.number - 1].genome
            self._begin(UnderWay(asked.number, genome, asked.tokens, asked.purpose))
            self.made.append(tuple(asked))
            return
        self._propose(asked)

    def _inject(self) -> None:
        """Ask for a genome that the search does not know, the same one in every journey of this length."""
        rng = np.random.default_rng(len(self.begun))
        genome = next(
            genome
            for genome in (sample(self.evolution.space, rng).genome for _ in repeat(None))
            if digest(genome, self.evolution.space) not in {one.digest for one in self.begun}
        )
        self._propose(self.evolution.inject(genome))

    def _propose(self, asked: Proposal) -> None:
        extra = asked.variation in EXTRA
        one = Begun(len(self.begun) + 1, asked.genome, asked.digest, dict(asked.costs), extra)
        self.begun.append(one)
        self._begin(UnderWay(one.number, one.genome, asked.tokens, Purpose.SEARCH))
        made = (asked.parents, asked.variation, asked.choice, asked.genes, asked.repaired, asked.seed, asked.tokens)
        self.made.append((str(asked.genome), *made))

    def _begin(self, one: UnderWay) -> None:
        self.in_flight.append(one)
        self.trainings.append((one.number, one.tokens, one.purpose))

    def resumed(self) -> Journey:
        """Return the journey that goes on from what an archive would hold."""
        state = json.loads(json.dumps(self.evolution.state(), allow_nan=False))
        space = Space.from_json(json.loads(json.dumps(self.evolution.space.to_json())))
        past = Past(list(self.begun), list(self.outcomes), space, list(self.trainings))
        copy = Journey(kind_of_evolution(self.plan).restore(self.plan, state, past, twin_costs(self.plan)), self.plan)
        copy.begun, copy.outcomes, copy.trainings = list(self.begun), list(self.outcomes), list(self.trainings)
        copy.in_flight, copy.made = list(self.in_flight), list(self.made)
        return copy
