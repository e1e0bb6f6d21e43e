"""Named plans, and plans made from them by changing fields."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from evaluator.budget import Budget
from evaluator.metrics import CACHE_BYTES
from evaluator.tasks.text import TextTask
from genome import STAR_CLASSES
from search.plan.parts import WITH_RUNGS, Finish, Rungs, SpacePlan
from search.plan.plan import Plan

PAPER = tuple(row.name for row in STAR_CLASSES)
"""The classes of the STAR paper, which the presets search over."""

PRESETS: dict[str, Plan] = {
    "laptop": Plan(
        space=SpacePlan(classes=PAPER, depth=6),
        budget=Budget(steps=150, batch=16, length=128, warmup=15, validation=256, seconds=120),
        candidates=40,
        population=12,
        rungs=Rungs(tokens=(38 * 16 * 128,)),
        repeats=0.1,
        finish=Finish(seeds=3, members=4),
    ),
    "star-125m": Plan(
        space=SpacePlan(classes=PAPER, depth=24, groups=8),
        width=768,
        head_dim=64,
        objectives=(TextTask.metric.name, CACHE_BYTES.name),
        budget=Budget(
            steps=5000,
            batch=64,
            length=4096,
            learning_rate=8e-4,
            weight_decay=0.1,
            warmup=500,
            clip=1.0,
            validation=512,
            seconds=86_400,
        ),
        candidates=16 * 18,
        population=16,
        finish=Finish(seeds=3),
    ),
}


def merged(preset: str, changes: dict[str, Any]) -> Plan:
    """Return a preset with some fields replaced. Nested objects are merged field by field; rungs follow the budget.

    Raises:
        ValueError: the preset is unknown, or the merged plan is not legal.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is unknown; legal: {', '.join(PRESETS)}")
    plan = overlaid(PRESETS[preset].model_dump(mode="json"), changes)
    if "rungs" not in changes:
        plan["rungs"]["tokens"] = _fitting_rungs(PRESETS[preset], plan)
    return Plan.model_validate(plan)


def _fitting_rungs(preset: Plan, plan: dict[str, Any]) -> list[int]:
    """Return the rungs of a preset for a plan that changes the budget or the algorithm.

    Each keeps its share of the steps. A plan whose algorithm has no rungs, or whose budget is not legal, gets none.
    """
    try:
        budget = Budget.model_validate(plan["budget"])
    except ValidationError:
        return []
    each = budget.batch * budget.length
    shares = [preset.budget.steps_of(tokens) / preset.budget.steps for tokens in preset.rungs.tokens]
    steps = sorted({round(share * budget.steps) for share in shares} - {0, budget.steps})
    return [step * each for step in steps] if plan["algorithm"] in WITH_RUNGS else []


def overlaid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return JSON settings with some replaced: objects field by field, unless their `kind` differs."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        same_kind = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind")
        )
        result[key] = overlaid(old, value) if same_kind and isinstance(old, dict) else value
    return result
