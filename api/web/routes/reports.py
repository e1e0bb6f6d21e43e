"""What a search says about itself: how well it predicted, how its rungs and signals agree, and its honest finish."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.web.deps import ArchiveDep, JobDep, problems
from api.web.schemas import Finish, Predictions, Rungs, Signals, Workers
from search.archive.schema.row_values import utc
from search.plan import Plan
from search.reports.busy import BINS, busy
from search.reports.calibration import compared, rungs_compared
from search.reports.signals import signals_compared
from search.reports.verdict import verdicts

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["reports"])


@router.get("/predictions", response_model=Predictions, responses=problems(404, 422))
def predictions(found: JobDep, archive: ArchiveDep) -> dict[str, Any]:
    """Compare what the search predicted of candidates with what their first training found."""
    return compared(Plan.model_validate(found.plan), archive.predictions(found.id))


@router.get("/rungs", response_model=Rungs, responses=problems(404, 422))
def rungs(found: JobDep, archive: ArchiveDep) -> dict[str, Any]:
    """Compare the ranks of candidates on each rung with those on the next one."""
    return {"rungs": rungs_compared(Plan.model_validate(found.plan), archive.climbs(found.id))}


@router.get("/signals", response_model=Signals, responses=problems(404, 422))
def signals(found: JobDep, archive: ArchiveDep) -> dict[str, Any]:
    """Compare how zero-cost signals rank the candidates with how their first training does."""
    return signals_compared(Plan.model_validate(found.plan), archive.predictions(found.id))


@router.get("/workers", response_model=Workers, responses=problems(404, 422))
def workers(found: JobDep, archive: ArchiveDep) -> dict[str, Any]:
    """Return how many workers the search kept busy, from its start until its end or now."""
    spans, begin, end = archive.spans(found.id, BINS)
    return {"begin": utc(begin), "end": utc(end), "busy": busy(spans, begin, end)}


@router.get("/finish", response_model=Finish, responses=problems(404, 422))
def finish(found: JobDep, archive: ArchiveDep) -> dict[str, Any]:
    """Return the honest finish: baselines and winners on held-out seeds, and which leads are more than noise."""
    plan = Plan.model_validate(found.plan)
    return {"seeds": plan.finish.seeds, "finalists": verdicts(plan, archive.finalists(found.id))}
