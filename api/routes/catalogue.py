"""What searches choose from: the LIV classes and the preset plans."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.schemas import Catalogue, Presets
from genome import CLASSES
from search.plan import PRESETS, Plan

router = APIRouter(prefix="/v1", tags=["catalogue"])


def rows() -> list[dict[str, Any]]:
    """Every LIV class as JSON, its token-mixing structure by name."""
    return [row.to_json() | {"structure": row.operator.token_mixing.name.lower()} for row in CLASSES]


@router.get("/catalogue", response_model=Catalogue)
def catalogue() -> dict[str, Any]:
    """The LIV classes a genome may name."""
    return {"classes": rows()}


@router.get("/presets", response_model=Presets)
def presets() -> dict[str, Any]:
    """Ready plans to start from, and the JSON schema of a plan."""
    plans = {name: plan.model_dump(mode="json") for name, plan in PRESETS.items()}
    return {"presets": plans, "plan_schema": Plan.model_json_schema()}
