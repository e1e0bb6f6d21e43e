"""A search that is asked, told and interrupted by a script."""

from __future__ import annotations

import json

import numpy as np

from genome import Space
from search.algorithms.algorithm import Begun, Outcome, Past
from search.evolve import Evolution, Proposal
from search.objectives import objectives
from search.plan import Plan
from tests.search.twin import analytic, twin_costs


def begun(plan: Plan, seed: int = 0) -> Evolution:
    """Return a new search whose static costs follow the formula of the twin."""
    return Evolution(plan, np.random.Generator(np.random.PCG64(seed)), twin_costs(plan))


def asked(evolution: Evolution) -> Proposal:
    """Return the next proposal; there must be one."""
    proposal = evolution.ask()
    assert proposal is not None
    return proposal


class Journey:
    """Follows a script of asks, tells, failures and infeasible outcomes, in any order."""

    def __init__(self, evolution: Evolution, plan: Plan) -> None:
        self.evolution = evolution
        self.plan = plan
        self.begun: list[Begun] = []
        self.outcomes: list[Outcome] = []
        self.in_flight: list[Begun] = []
        self.made: list[tuple[object, ...]] = []

    def step(self, choice: int) -> None:
        if choice == 11:
            self.evolution.prepare()
        elif choice < 4 or not self.in_flight:
            self._ask()
        else:
            one = self.in_flight.pop(choice % len(self.in_flight))
            point = [round(x, 1) for x in objectives(analytic(one.genome), self.plan)]  # ties once broke resumption
            excess = 0.5 if choice in (5, 6) else 0.0
            self.outcomes.append(Outcome(one.number, one.genome, None if choice == 4 else point, excess))
            self.evolution.tell(self.outcomes[-1])

    def _ask(self) -> None:
        proposal = self.evolution.ask()
        if proposal is None:  # a generation is not complete
            assert self.in_flight
            return
        one = Begun(len(self.begun) + 1, proposal.genome, proposal.digest, dict(proposal.costs))
        self.begun.append(one)
        self.in_flight.append(one)
        made = (proposal.parents, proposal.variation, proposal.choice, proposal.genes, proposal.repaired)
        self.made.append((str(proposal.genome), *made))

    def resumed(self) -> Journey:
        state = json.loads(json.dumps(self.evolution.state(), allow_nan=False))
        space = Space.from_json(json.loads(json.dumps(self.evolution.space.to_json())))
        past = Past(list(self.begun), list(self.outcomes), space)
        copy = Journey(Evolution.restore(self.plan, state, past, twin_costs(self.plan)), self.plan)
        copy.begun, copy.outcomes = list(self.begun), list(self.outcomes)
        copy.in_flight, copy.made = list(self.in_flight), list(self.made)
        return copy
