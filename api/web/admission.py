"""Checks before anything is stored: a genome must be legal and within the limits, and a plan affordable here."""

from __future__ import annotations

from api.process.settings import Settings
from api.web.problems import refuse_fault
from genome import Genome, Space, require_legal
from search.archive.values import Job
from search.costs import costs_of
from search.objectives import broken_limits
from search.plan import Plan
from search.plan.expected import expected_tokens

WEIGHTS_PER_SQUARE = 12
"""Weights of a LIV with a channel mixer, per square of the width: four projections, and two of four times the width."""

FLOPS_PER_WEIGHT = 6
"""Operations of a training for each weight and token: two forward, four backward."""


def require_affordable(plan: Plan, settings: Settings) -> None:
    """Refuse a plan that asks for models or for work beyond what this service takes, by a rough estimate.

    Raises:
        Refused: 422; it names the field, the estimate and the limit.
    """
    weights = WEIGHTS_PER_SQUARE * plan.space.depth * plan.width**2 + 2 * plan.task.vocab * plan.width
    if weights > settings.max_parameters:
        limit = f"{settings.max_parameters:.2g} (STAR_MAX_PARAMETERS)"
        detail = f"a candidate of this width and depth has about {weights:.2g} parameters; this service takes {limit}"
        raise refuse_fault(detail, "/plan/width")
    work = FLOPS_PER_WEIGHT * weights * expected_tokens(plan.model_dump(mode="json"))
    if work > settings.max_flops:
        limit = f"{settings.max_flops:.2g} (STAR_MAX_FLOPS)"
        detail = f"all trainings together take about {work:.2g} operations; this service takes {limit}"
        raise refuse_fault(detail, "/plan/candidates")


def require_within_limits(genome: Genome, space: Space, plan: Plan, pointer: str) -> None:
    """Refuse a genome whose costs exceed a limit, because they are known before it is trained.

    Raises:
        Refused: 422 at the pointer; it names the limits and the costs.
    """
    broken = broken_limits(costs_of(plan)(genome, space), plan) if plan.constraints else []
    if broken:
        raise refuse_fault("; ".join(broken), pointer)


def admitted(text: str, job: Job, pointer: str) -> Genome:
    """Read a genome that somebody asks a search to train.

    Raises:
        Refused: 422 at the pointer: it is not legal in the job's space, or its costs exceed a limit.
    """
    space = Space.from_json(job.space)
    try:
        genome = Genome.parse(text)
        require_legal(genome, space)
    except ValueError as error:
        raise refuse_fault(str(error), pointer) from None
    require_within_limits(genome, space, Plan.model_validate(job.plan), pointer)
    return genome
