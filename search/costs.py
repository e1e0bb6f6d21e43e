"""What is known of a plan's genomes before training: their static metrics, and bounds of all objectives."""

from __future__ import annotations

from evaluator.costs import static_metrics
from evaluator.metrics import (
    DECODE_MS,
    DECODE_P50_MS,
    DECODE_P95_MS,
    DECODE_PEAK_BYTES,
    PARAMETERS,
    PREFILL_MS,
    STATIC,
    TRAIN_PEAK_BYTES,
    TRAIN_SECONDS,
)
from genome import Genome, Space, decode
from search.algorithms.algorithm import Costs, CostsOf
from search.plan import Plan

DECODE_MS_PER_LIV = 5.0
"""An upper bound of the time one LIV takes for one token on one core, in milliseconds."""

DECODE_CONTEXT = 4096
"""Tokens up to which this bound holds; beyond, a token may take longer in proportion."""

PREFILL_MS_PER_TOKEN_AND_LIV = 1.0
"""An upper bound of the time one LIV takes for one token of a prompt on one core, in milliseconds."""

BYTES_PER_PARAMETER = 16
"""Bytes of a weight, its gradient and its two moments."""

BYTES_PER_CHANNEL = 1024
"""An upper bound of the bytes that one LIV holds for one token and one channel, beside its parameters."""


def costs_of(plan: Plan) -> CostsOf:
    """Return a function from a genome and its space to its static metrics under this plan."""

    def costs(genome: Genome, space: Space) -> Costs:
        return static_metrics(decode(genome, space), plan.shape, plan.context)

    return costs


def reference(plan: Plan) -> dict[str, float]:
    """Bound each objective from above, by the plan alone, so that the hypervolumes of one job compare.

    The score is bounded by its value at chance, static metrics by the most expensive stack that repeats one class of
    the space (sharing and mixing classes only reduce them), training time by the limit for one candidate, other times
    and memory by generous multiples of the sizes that they grow with. A value beyond its bound gains no hypervolume.
    """
    costs, depth, space = costs_of(plan), plan.space.depth, plan.liv_space
    stacks = [costs(Genome.of([row.id] * depth), space) for row in space.classes]
    bounds = {name: max(1.0, *(stack[name] for stack in stacks)) for name in STATIC}  # a bound of 0 has no box
    late = DECODE_MS_PER_LIV * depth * max(1.0, plan.context / DECODE_CONTEXT)
    weights, token = BYTES_PER_PARAMETER * bounds[PARAMETERS.name], BYTES_PER_CHANNEL * plan.width * depth
    bounds |= {
        **plan.task.chances,
        DECODE_MS.name: DECODE_MS_PER_LIV * depth,
        TRAIN_SECONDS.name: plan.budget.seconds,
        PREFILL_MS.name: PREFILL_MS_PER_TOKEN_AND_LIV * plan.context * depth,
        DECODE_P50_MS.name: late,
        DECODE_P95_MS.name: late,
        DECODE_PEAK_BYTES.name: weights + token * plan.context,
        TRAIN_PEAK_BYTES.name: weights + token * plan.budget.batch * plan.budget.length,
    }
    return {name: bounds[name] for name in plan.objectives}
