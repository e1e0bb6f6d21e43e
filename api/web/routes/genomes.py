"""The predicted cost of a genome."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.costs import cost_of_text, shape_for
from api.web.deps import problems
from api.web.problems import refuse_fault
from api.web.schemas import CostRequest, CostView
from genome import ShapeError

router = APIRouter(prefix="/v1/genomes", tags=["genomes"])


@router.post("/cost", response_model=CostView, responses=problems(400, 413, 422))
def cost(body: CostRequest) -> dict[str, Any]:
    """Predict parameters, cache and FLOPs of a genome of any length over the whole catalogue without building it."""
    try:
        return cost_of_text(body.genome, shape_for(body.width, body.head_dim, body.vocab, body.window), body.context)
    except ShapeError as error:
        raise refuse_fault(str(error), f"/{error.field}") from None
    except ValueError as error:
        raise refuse_fault(str(error), "/genome") from None
