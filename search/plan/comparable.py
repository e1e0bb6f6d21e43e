"""What two plans must have in common so that a training under one is a training under the other."""

from __future__ import annotations

from search.plan.plan import Plan

COMPARED = ("task", "width", "head_dim", "window", "context", "inherit")


NOT_COMPARED = {"seconds", "checkpoint_activations"}
"""Settings of the budget that change no result of a training."""


def differences(plan: Plan, other: Plan) -> list[str]:
    """Return the names of the fields in which the trainings of two plans differ."""
    fields = [name for name in COMPARED if getattr(plan, name) != getattr(other, name)]
    settings = [one.budget.model_dump(exclude=NOT_COMPARED) for one in (plan, other)]
    fields += [f"budget.{name}" for name, value in settings[0].items() if settings[1][name] != value]
    return fields + ["rungs.tokens"] * (plan.rungs.tokens != other.rungs.tokens)
