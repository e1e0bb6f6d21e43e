"""The candidates of a search: the frontier, all in pages, one in detail, and requests for further ones."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status

from api.costs import cost_of
from api.web.admission import admitted
from api.web.deps import (
    ArchiveDep,
    ExportsDep,
    IdempotencyKey,
    JobDep,
    JobId,
    ListingDep,
    Number,
    PageSize,
    PageToken,
    problems,
)
from api.web.problems import refuse_fault
from api.web.schemas import (
    AncestorList,
    CandidateDetail,
    CandidatePage,
    Candidates,
    CandidateView,
    InjectionRequest,
    InjectionView,
)
from genome import Genome, Space, decode
from search.archive.values import Candidate, Injection
from search.plan import Plan

FIRST_CHILDREN = 60
"""Children that a candidate's answer holds; a popular parent has thousands."""

MOST_GENERATIONS, MOST_ANCESTORS = 100, 500
"""Bounds on a request for ancestors."""

Generations = Annotated[int, Query(ge=1, le=MOST_GENERATIONS, description="the largest number of generations back")]
Most = Annotated[int, Query(ge=1, le=MOST_ANCESTORS, description="the largest number of ancestors")]

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["candidates"])


@router.get("/frontier", response_model=Candidates, responses=problems(404, 422))
def frontier(job_id: JobId, request: Request) -> Response:
    """List the candidates that no other feasible candidate dominates."""
    return Response(request.app.state.frontiers.answer(job_id), media_type="application/json")


@router.get("/candidates", response_model=CandidatePage, responses=problems(404, 422))
def candidates(
    job_id: JobId,
    archive: ArchiveDep,
    listing: ListingDep,
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> Response:
    """List candidates: all, or those that are sought, in the order in which they were proposed or in another one."""
    sought, order = listing.resolved(job_id, archive)
    try:
        page = archive.candidates(job_id, page_size, page_token, sought=sought, order=order)
    except ValueError as error:
        raise refuse_fault(str(error), parameter="page_token") from None
    shown = CandidatePage.model_validate({"candidates": page.items, "next_page_token": page.next_page_token})
    # Written here, because FastAPI would check and write it in another thread.
    return Response(shown.model_dump_json(), media_type="application/json")


@router.post(
    "/candidates",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=InjectionView,
    responses=problems(400, 404, 409, 413, 422),
)
def inject(
    job: JobDep, body: InjectionRequest, archive: ArchiveDep, idempotency_key: IdempotencyKey = None
) -> Injection:
    """Ask a search to train a genome. A worker takes it before anything else, beside the candidates of the plan."""
    return archive.inject(job.id, admitted(body.genome, job, "/genome"), body.by, idempotency_key)


@router.get("/candidates/{number}", response_model=CandidateDetail, responses=problems(404, 422))
def candidate(job: JobDep, number: Number, archive: ArchiveDep, exports: ExportsDep) -> dict[str, Any]:
    """Return a candidate with its trainings, its blueprint, the cost of each LIV, its parents and first children."""
    found = archive.candidate(job.id, number)
    plan, space = Plan.model_validate(job.plan), Space.from_json(job.space)
    blueprint = decode(Genome.parse(found.genome), space)
    return vars(found) | {
        "trainings": archive.trainings(job.id, number),
        "weights_place": exports.place(found),
        "blueprint": blueprint.to_json(),
        "cost": cost_of(blueprint, plan.shape, plan.context),
        "parent_candidates": [archive.candidate(job.id, parent) for parent in found.parents],
        "children": archive.children(job.id, number, FIRST_CHILDREN).items,
        "children_total": archive.child_count(job.id, number),
    }


@router.post(
    "/candidates/{number}/retry",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=CandidateView,
    responses=problems(404, 409, 422),
)
def retry(job_id: JobId, number: Number, archive: ArchiveDep) -> Candidate:
    """Ask a search to train a failed candidate again: from the beginning, on the whole budget, with another seed."""
    archive.ask_again(job_id, number)
    return archive.candidate(job_id, number)


@router.get("/candidates/{number}/children", response_model=CandidatePage, responses=problems(404, 422))
def children(
    job_id: JobId, number: Number, archive: ArchiveDep, page_size: PageSize = 100, page_token: PageToken = None
) -> dict[str, Any]:
    """List the candidates that have this one as a parent, in the order in which they were proposed."""
    archive.candidate(job_id, number)
    try:
        page = archive.children(job_id, number, page_size, page_token)
    except ValueError as error:
        raise refuse_fault(str(error), parameter="page_token") from None
    return {"candidates": page.items, "next_page_token": page.next_page_token}


@router.get("/candidates/{number}/ancestors", response_model=AncestorList, responses=problems(404, 422))
def ancestors(
    job_id: JobId, number: Number, archive: ArchiveDep, generations: Generations = 20, most: Most = 100
) -> dict[str, Any]:
    """List the ancestors of a candidate by generation: its parents, their parents, and so on to the founders."""
    line = archive.ancestors(job_id, number, generations, most)
    found = [vars(one) | {"generation": generation} for generation, one in line.found]
    return {"candidates": found, "complete": line.complete}
