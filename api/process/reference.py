"""The reference point of a job's hypervolume: an upper bound of each objective."""

from __future__ import annotations

import star
from evaluator.metrics import CACHE_BYTES, DECODE_MS, PARAMETERS, TRAIN_SECONDS
from genome import Blueprint, Genome, decode
from search.plan import Plan

DECODE_MS_PER_LIV = 5.0
"""An upper bound of the time one LIV takes for one token on one core, in milliseconds."""


def reference(plan: Plan) -> dict[str, float]:
    """Return an upper bound of each objective that depends on the plan alone, so that a job has one reference point.

    The score is bounded by its value at chance, parameters and cache by the most expensive stack that repeats one
    class of the space (sharing and mixing classes only reduce them), training time by the limit for one candidate.
    """
    costs = [star.cost(blueprint, plan.shape, plan.context) for blueprint in _homogeneous(plan)]
    bounds = {
        plan.task.metric: plan.task.chance,
        PARAMETERS: float(max(cost.parameters for cost in costs)),
        CACHE_BYTES: float(max(1, *(cost.cache_bytes for cost in costs))),  # a box needs a positive side
        DECODE_MS: DECODE_MS_PER_LIV * plan.space.depth,
        TRAIN_SECONDS: plan.budget.seconds,
    }
    by_name = {metric.name: bound for metric, bound in bounds.items()}
    return {name: by_name[name] for name in plan.objectives}


def _homogeneous(plan: Plan) -> list[Blueprint]:
    """Return, for each class of the space, the blueprint that repeats this class."""
    genomes = [Genome.of([row.id] * plan.space.depth) for row in plan.liv_space.classes]
    return [decode(genome, plan.liv_space) for genome in genomes]
