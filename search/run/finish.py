"""The honest finish: winners and baselines are trained from scratch on seeds that the search has never used.

The lowest of many noisy values is too low, so what won in the search is measured again before it is reported. The
search learns nothing from these trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search.evolution.promotion import spent
from search.evolution.proposal import Further
from search.objectives import Frontier
from search.origin import Purpose
from search.plan import HELD_OUT, Plan


def finishing(plan: Plan, frontier: Frontier, baselines: Sequence[int]) -> Iterator[Further]:
    """Yield the trainings of the honest finish: first one seed of everybody, then the next."""
    members = [number for number in frontier.foremost() if number not in baselines][: plan.finish.members]
    tokens = plan.budget.tokens
    for n in range(plan.finish.seeds):
        for number in (*baselines, *members):
            yield Further(
                number, plan.training_seed(HELD_OUT + n), tokens, Purpose.FINISH, spent(plan, tokens, Purpose.FINISH)
            )
