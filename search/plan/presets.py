"""Named plans, and plans made from them by changing fields."""

from __future__ import annotations

from typing import Any

from evaluator.budget import Budget
from evaluator.metrics import CACHE_BYTES
from evaluator.tasks.text import TextTask
from genome import STAR_CLASSES
from search.plan import Plan, SpacePlan

PAPER = tuple(row.name for row in STAR_CLASSES)
"""The classes of the STAR paper, which the presets search over."""

PRESETS: dict[str, Plan] = {
    "laptop": Plan(
        space=SpacePlan(classes=PAPER, depth=6),
        budget=Budget(steps=150, batch=16, length=128, warmup=15, validation=256, seconds=120),
        candidates=40,
        population=12,
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
    ),
}


def merged(preset: str, changes: dict[str, Any]) -> Plan:
    """Return a preset with some fields replaced. Nested objects are merged field by field.

    Raises:
        ValueError: the preset is unknown, or the merged plan is not legal.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is unknown; legal: {', '.join(PRESETS)}")
    return Plan.model_validate(_overlaid(PRESETS[preset].model_dump(mode="json"), changes))


def _overlaid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        same_kind = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("kind", old.get("kind")) == old.get("kind")
        )
        result[key] = _overlaid(old, value) if same_kind and isinstance(old, dict) else value
    return result
