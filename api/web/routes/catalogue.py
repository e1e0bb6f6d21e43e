"""The choices of a plan, LIV classes, preset plans, tasks and metrics, and those of an export, its formats."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter

from api.web.schemas import Catalogue, Formats, Presets
from api.web.schemas.tasks import Metrics, TaskView
from evaluator.tasks import registry
from genome import CLASSES, LIVClass
from search.plan import Plan
from search.plan.presets import PRESETS
from star import footprint
from star.export.formats import FORMATS

router = APIRouter(prefix="/v1", tags=["catalogue"])


@cache
def rows() -> list[dict[str, Any]]:
    """Return every LIV class as JSON, with its token-mixing structure, its state size and its FLOPs for a token."""
    return [row.to_json() | _facts(row) for row in CLASSES]


def _facts(row: LIVClass) -> dict[str, Any]:
    needs = footprint(row)
    return {
        "structure": row.operator.token_mixing.name.lower(),
        "state": needs.state,
        "decode_flops": needs.decode_flops,
    }


@router.get("/catalogue", response_model=Catalogue)
def catalogue() -> dict[str, Any]:
    """List the LIV classes that a genome may name."""
    return {"classes": rows()}


@router.get("/presets", response_model=Presets)
def presets() -> dict[str, Any]:
    """Return the preset plans, the tasks a plan may name, and the JSON schema of a plan."""
    plans = {name: plan.model_dump(mode="json") for name, plan in PRESETS.items()}
    return {
        "presets": plans,
        "tasks": [TaskView.of(task) for task in registry.tasks()],
        "plan_schema": Plan.model_json_schema(),
    }


@router.get("/metrics", response_model=Metrics)
def metrics() -> dict[str, Any]:
    """List every metric that is shown of a candidate, with its label and unit."""
    return {"metrics": list(registry.metrics().values())}


@router.get("/formats", response_model=Formats)
def formats() -> dict[str, Any]:
    """List the formats in which a model can be exported."""
    return {"formats": [form._asdict() | {"name": name} for name, form in FORMATS.items()]}
