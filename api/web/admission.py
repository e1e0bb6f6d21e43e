"""Check of a genome that somebody names: it must be legal, and its exact costs must keep the limits of the plan."""

from __future__ import annotations

from api.web.problems import refuse_fault
from genome import Genome, Space, require_legal
from search.archive.values import Job
from search.costs import costs_of
from search.objectives import broken_limits
from search.plan import Plan


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
