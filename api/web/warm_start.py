"""Check of the earlier search that a plan begins from: it must exist, and its trainings must be those of the plan."""

from __future__ import annotations

from api.web.problems import refuse_fault
from search.archive import Archive
from search.archive.errors import NotFoundError
from search.plan import Plan
from search.plan.comparable import differences


def require_comparable(plan: Plan, archive: Archive) -> None:
    """Refuse a plan whose earlier search is unknown or trained otherwise.

    Raises:
        Refused: 422 at `/plan/warm_start`; it names the fields that differ.
    """
    if plan.warm_start is None:
        return
    try:
        earlier = archive.job(plan.warm_start)
    except NotFoundError as error:
        raise refuse_fault(str(error), "/plan/warm_start") from None
    different = differences(plan, Plan.model_validate(earlier.plan))
    if different:
        raise refuse_fault(
            f"job {earlier.id} differs in {', '.join(different)}, so its trainings say little about those of this plan",
            "/plan/warm_start",
        )
