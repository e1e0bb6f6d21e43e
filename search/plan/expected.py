"""The training tokens that a plan is expected to take, for estimates of the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from evaluator.budget import Budget
from evaluator.schedule import stable_steps
from search.plan.parts import Finish, Rungs, Stop

BASELINES_EXPECTED = 2
"""Baselines that most spaces can express."""


def expected_tokens(plan: Mapping[str, Any]) -> int:
    """Estimate the training tokens of a whole search from its plan as JSON, of which fields may be missing.

    It counts every candidate on the lowest rung, the share that goes on, repeats, and the honest finish of as many
    members of the frontier as the plan allows. A rule that stops the search by tokens bounds all but the finish.
    """
    budget = Budget.model_validate(plan["budget"])
    rungs, finish = Rungs.model_validate(plan.get("rungs", {})), Finish.model_validate(plan.get("finish", {}))
    baselines = min(BASELINES_EXPECTED, plan["candidates"]) if plan.get("baselines", True) else 0
    count = int(plan["candidates"]) - baselines
    levels = (*rungs.tokens, budget.tokens)
    tokens = baselines * budget.tokens + count * levels[0] + (baselines + count) * budget.trial_tokens
    for below, above in pairwise(levels):
        count = int(rungs.promoted * count)
        tokens += count * spent_above(budget, below, above)
    whole = baselines + count
    repeats = plan.get("repeats", 0.0)
    repeated = whole * repeats / (1 - repeats) if repeats < 1 else whole
    finished = finish.seeds * (baselines + min(finish.members, whole))
    whole_training = budget.tokens + budget.trial_tokens
    tokens += int(repeated) * whole_training
    stop = Stop.model_validate(plan.get("stop", {})).tokens
    return min(tokens, stop or tokens) + finished * whole_training


def spent_above(budget: Budget, below: int, above: int) -> int:
    """Return the tokens that a promotion reads: it goes on from before the cool-down of the rung below."""
    return above - stable_steps(budget.steps_of(below), budget) * budget.batch * budget.length
