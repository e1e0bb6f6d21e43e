"""Promotion from rung to rung: a share of the candidates of each rung is trained on the tokens of the next one.

Nothing waits for a rung to be full: whenever the share allows one more, the most promising candidate of the rung that
was not promoted yet goes on (Li et al. 2020, arXiv 1810.05934).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from search.algorithms.algorithm import Outcome
from search.evolution.proposal import Further
from search.origin import Purpose
from search.plan import Plan
from search.plan.expected import spent_above

Promise = Callable[[Sequence[Outcome]], Sequence[float]]
"""Returns of candidates that ended on one rung how much they promise on the whole budget; more is better."""


class Promotions:
    """The rungs of a search, and who stands on each."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun: dict[int, set[int]] = {tokens: set() for tokens in plan.levels}
        self._ended: dict[int, dict[int, Outcome]] = {tokens: {} for tokens in plan.levels}

    def begin(self, number: int, tokens: int) -> None:
        """Learn that a training began."""
        self._begun[tokens].add(number)

    def tell(self, outcome: Outcome) -> None:
        """Learn from an outcome."""
        self._ended[outcome.tokens or self._plan.budget.tokens].setdefault(outcome.number, outcome)

    def due(self, promise: Promise) -> Further | None:
        """Return the promotion that is due, from the highest rung that has one, or None."""
        for below, above in reversed(list(zip(self._plan.levels, self._plan.levels[1:], strict=False))):
            ended, begun = self._ended[below], self._begun[above]
            if int(self._plan.rungs.promoted * len(ended)) <= len(begun & ended.keys()):
                continue
            waiting = [one for number, one in ended.items() if number not in begun and one.feasible]
            if waiting:
                best = max(zip(promise(waiting), waiting, strict=True), key=lambda pair: (pair[0], -pair[1].number))[1]
                seed = self._plan.training_seed(0)
                return Further(best.number, seed, above, Purpose.PROMOTION, spent(self._plan, above, Purpose.PROMOTION))
        return None


def spent(plan: Plan, tokens: int, purpose: str) -> int:
    """Return the tokens that a training reads itself; a promotion goes on from the rung below, at its rate."""
    if purpose != Purpose.PROMOTION:
        return tokens + plan.budget.trial_tokens
    return spent_above(plan.budget, plan.levels[plan.levels.index(tokens) - 1], tokens)
