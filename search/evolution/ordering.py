"""Searches whose outcomes are told in a fixed order, so that any number of workers makes the same search."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from numpy.random import Generator

from genome import Space
from search.algorithms.algorithm import CostsOf, Outcome, Past
from search.evolution.evolve import Evolution
from search.evolution.proposal import Further, Proposal
from search.origin import Purpose
from search.plan import Plan

Key = tuple[int, int, bool]
"""Number, tokens and whether it is a repeat: two trainings alike are never under way at once."""


class InOrder(Evolution):
    """A search that is told outcomes in the order in which their trainings began, each exactly `lag` trainings later.

    An outcome that arrives waits until all earlier ones were told and the search is asked for a training that follows
    `lag` trainings later. Which outcomes an `ask` knows therefore depends on its place alone. When there is nothing
    to ask for, such as before a generation is complete, one further outcome is told at a time.

    More than `lag` workers are of no use. An injected genome takes the place at which somebody asked for it.
    """

    def __init__(
        self, plan: Plan, rng: Generator, costs: CostsOf, space: Space | None = None, past: Past | None = None
    ) -> None:
        super().__init__(plan, rng, costs, space, past)
        self._lag = plan.lag or 1
        self._untold: deque[Key] = deque()
        self._arrived: dict[Key, Outcome] = {}
        self._told = 0

    def ask(self, seconds: float = 0.0) -> Proposal | Further | None:
        while len(self._untold) >= self._lag:
            if not self._tell_next():
                return None
        while (asked := super().ask(seconds)) is None and self._tell_next():
            pass
        return asked

    def prepare(self) -> None:
        """Do nothing: work ahead would know the outcomes that came by chance before it."""

    def tell(self, outcome: Outcome) -> None:
        if outcome.earlier:
            super().tell(outcome)
        else:
            self._arrived[_key(self._plan, outcome)] = outcome

    def state(self) -> dict[str, Any]:
        return {**super().state(), "told_in_order": self._told}

    @classmethod
    def restore(cls, plan: Plan, state: dict[str, Any], past: Past, costs: CostsOf) -> Evolution:
        """Return the search that had this state and past; what had arrived and was not told is told later."""
        earlier = [one for one in past.outcomes if one.earlier]
        arrived: dict[Key, deque[Outcome]] = {}
        for one in past.outcomes:
            if not one.earlier:
                arrived.setdefault(_key(plan, one), deque()).append(one)
        begun = [
            (number, tokens, purpose == Purpose.REPEAT)
            for number, tokens, purpose in past.trainings
            if purpose != Purpose.WARM_START
        ]
        told = [arrived[key].popleft() for key in begun[: state["told_in_order"]]]
        evolution = super().restore(plan, state, replace(past, outcomes=earlier + told), costs)
        assert isinstance(evolution, cls)
        evolution._told = state["told_in_order"]
        evolution._untold = deque(begun[state["told_in_order"] :])
        evolution._arrived = {key: rest.popleft() for key, rest in arrived.items() if rest}
        return evolution

    def _begin(self, number: int, tokens: int, purpose: str) -> None:
        super()._begin(number, tokens, purpose)
        self._untold.append((number, tokens, purpose == Purpose.REPEAT))

    def _tell_next(self) -> bool:
        """Tell the outcome of the first training that has not been told, and return whether it had arrived."""
        if not self._untold or self._untold[0] not in self._arrived:
            return False
        self._told += 1
        super().tell(self._arrived.pop(self._untold.popleft()))
        return True


def _key(plan: Plan, outcome: Outcome) -> Key:
    return outcome.number, outcome.tokens or plan.budget.tokens, outcome.repeated


def kind_of_evolution(plan: Plan) -> type[Evolution]:
    """Return the class of the search that a plan asks for."""
    return Evolution if plan.lag is None else InOrder
