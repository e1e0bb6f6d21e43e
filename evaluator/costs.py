"""The static metrics of a genome, which are exact before it is trained."""

from __future__ import annotations

import star
from evaluator.metrics import CACHE_BYTES, FLOPS_PER_TOKEN, PARAMETERS, PARAMETERS_WITHOUT_EMBEDDING, STATE_BYTES
from genome import Blueprint, Shape


def static_metrics(blueprint: Blueprint, shape: Shape, context: int) -> dict[str, float]:
    """Return the static metrics by name; the cache is counted after `context` tokens.

    Raises:
        ValueError: a class does not fit the shape.
    """
    cost = star.cost(blueprint, shape, context)
    return {
        PARAMETERS.name: float(cost.parameters),
        PARAMETERS_WITHOUT_EMBEDDING.name: float(cost.parameters_without_embedding),
        CACHE_BYTES.name: float(cost.cache_bytes),
        STATE_BYTES.name: float(cost.state_bytes),
        FLOPS_PER_TOKEN.name: float(cost.flops_per_token),
    }
