"""The reference point of a job's hypervolume: the worst value of each objective that is still of interest."""

from __future__ import annotations

import star
from evaluator.evaluation import Metric
from genome import Blueprint, Genome, decode
from search.plan import Plan

DECODE_MS_PER_LIV = 5.0
"""Far above what one LIV takes for a token on one core, so that the box holds slow candidates too."""

QUALITY = {Metric.BITS_PER_BYTE: 8.0, Metric.RECALL_ERROR: 1.0}
"""What guessing every byte alike costs; answering every query wrongly."""


def reference(plan: Plan) -> dict[str, float]:
    """An upper bound for each objective, fixed by the plan alone, so that hypervolumes of its job compare.

    Parameters and cache are those of the dearest stack that repeats one class of the space; sharing and
    mixing classes only make a genome cheaper. Training time is bounded by the plan's limit for a candidate.
    """
    bounds = QUALITY | {
        Metric.DECODE_MS: DECODE_MS_PER_LIV * plan.space.depth,
        Metric.TRAIN_SECONDS: plan.budget.seconds,
    }
    costs = [star.cost(blueprint, plan.shape, plan.context) for blueprint in _homogeneous(plan)]
    bounds[Metric.PARAMETERS] = float(max(cost.parameters for cost in costs))
    bounds[Metric.CACHE_BYTES] = float(max(1, *(cost.cache_bytes for cost in costs)))  # a box needs a width
    return {objective.value: bounds[objective] for objective in plan.objectives}


def _homogeneous(plan: Plan) -> list[Blueprint]:
    texts = ["-".join([f"{row.id}.1.1.1.1"] * plan.space.depth) for row in plan.liv_space.classes]
    return [decode(Genome.parse(text), plan.liv_space) for text in texts]
