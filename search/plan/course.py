"""Checks that the parts of a plan which steer the course of a search fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluator.metrics import MEASURED
from evaluator.schedule import stable_steps
from evaluator.tasks.several import SeveralTask
from evaluator.value import FieldError
from search.plan.parts import WITH_RUNGS, AlgorithmName

if TYPE_CHECKING:
    from search.plan.plan import Plan


def require_course(plan: Plan) -> None:
    """Check rungs, learning rates, stop rules and order.

    Raises:
        FieldError: a field does not fit the others.
    """
    _require_rungs(plan)
    _require_rates(plan)
    _require_expectation(plan)
    _require_order(plan)
    _require_one_task_to_inherit(plan)


def _require_rungs(plan: Plan) -> None:
    """Check that the rungs rise below the budget, and that the algorithm can compare trainings across them."""
    tokens = plan.rungs.tokens
    if list(tokens) != sorted(set(tokens)):
        raise FieldError(("rungs", "tokens"), f"the tokens of rungs must rise, not {', '.join(map(str, tokens))}")
    for n, one in enumerate(tokens):
        try:
            plan.budget.steps_of(one)
        except ValueError as error:
            raise FieldError(("rungs", "tokens", n), str(error)) from None
        if one == plan.budget.tokens:
            raise FieldError(("rungs", "tokens", n), f"{one} is the whole budget, which follows the last rung")
    if tokens and plan.algorithm not in WITH_RUNGS:
        legal = ", ".join(sorted(WITH_RUNGS))
        raise FieldError(("rungs", "tokens"), f"algorithm {plan.algorithm} has no rungs; those with rungs: {legal}")


def _require_rates(plan: Plan) -> None:
    """Check that the rates to try differ, and that every training goes on at the best one before it cools down."""
    budget = plan.budget
    if len(set(budget.rates)) != len(budget.rates):
        raise FieldError(("budget", "rates"), "rates must be different learning rates")
    most = stable_steps(budget.steps_of(plan.levels[0]), budget)
    if budget.rates and budget.rate_steps > most:
        raise FieldError(
            ("budget", "rate_steps"),
            f"a trial ends before the cool-down of the shortest training, at most {most} steps",
        )


def _require_expectation(plan: Plan) -> None:
    """Check that an algorithm that is to stop when it expects no improvement expects any."""
    if plan.stop.stagnation is not None and plan.algorithm is not AlgorithmName.SURROGATE:
        raise FieldError(
            ("stop", "stagnation"),
            f"algorithm {plan.algorithm} expects no improvement; legal: {AlgorithmName.SURROGATE}",
        )


def _require_order(plan: Plan) -> None:
    """Check that nothing which the clock decides steers a search that any number of workers makes alike."""
    if plan.lag is None:
        return
    if plan.inherit:
        raise FieldError(("inherit",), "with a lag, no weights are inherited: which are kept depends on the moment")
    if plan.stop.seconds is not None:
        raise FieldError(("stop", "seconds"), "with a lag, the clock must not end the search; leave one of them out")
    for n, name in enumerate(plan.objectives):
        if name in MEASURED:
            raise FieldError(("objectives", n), f"with a lag, no objective may be a time, as {name} is")


def _require_one_task_to_inherit(plan: Plan) -> None:
    """Check that inherited weights come from the task on which they go on."""
    if plan.inherit and isinstance(plan.task, SeveralTask):
        raise FieldError(("inherit",), "on several tasks no weights are inherited, because each task has its own")
