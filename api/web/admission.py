"""Check of a genome that somebody names: its exact costs must keep the limits of the plan."""

from __future__ import annotations

from api.web.problems import refuse_fault
from genome import Genome, Space
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
