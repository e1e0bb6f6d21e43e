"""The searches: submit, list, show, pause, resume and cancel."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import AfterValidator

from api.process.tidying import delete_search
from api.web.access import require_owner, require_room
from api.web.admission import require_affordable
from api.web.deps import (
    ArchiveDep,
    ExportsDep,
    IdempotencyKey,
    JobDep,
    JobId,
    PageSize,
    PageToken,
    SettingsDep,
    problems,
)
from api.web.problems import Refused, refuse_fault
from api.web.schemas import History, JobChange, JobPage, JobRequest, JobView
from api.web.schemas.body import printable
from api.web.schemas.requests import Tag
from api.web.submission import plan_of
from api.web.warm_start import require_comparable
from evaluator.artifacts import ArtifactError, Artifacts
from search.archive import Archive
from search.archive.custody.disk import NOTHING
from search.archive.custody.keys import ApiKey
from search.archive.values import Action, Job, JobState

Sought = Annotated[
    str,
    AfterValidator(printable),
    Query(max_length=200, description="only searches with this text in their name, or with this id"),
]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("", status_code=status.HTTP_202_ACCEPTED, responses=problems(400, 413, 422, 429))
def submit(
    body: JobRequest,
    request: Request,
    response: Response,
    archive: ArchiveDep,
    settings: SettingsDep,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Submit a search. It is queued until a runner claims it. Its state is at the address in the Location header."""
    plan = plan_of(body, settings.corpora)
    require_affordable(plan, settings)
    require_comparable(plan, archive)
    key: ApiKey | None = request.state.key
    require_room(key, archive)
    owner = key.id if key else None
    job = archive.create_job(plan, body.name or body.preset, idempotency_key, owner, body.priority, body.tags)
    response.headers["Location"] = str(request.url_for("job", job_id=job.id).path)
    response.headers["Retry-After"] = "1"
    return _shown(job, archive)


@router.get("", response_model=JobPage, responses=problems(422))
def jobs(
    archive: ArchiveDep,
    page_size: PageSize = 50,
    page_token: PageToken = None,
    state: Annotated[JobState | None, Query(description="only searches in this state")] = None,
    search: Sought = "",
    tag: Annotated[Tag | None, Query(description="only searches with this tag")] = None,
) -> JobPage:
    """List searches, newest first."""
    last = archive.last_event()  # before the page, which then reflects it
    try:
        page = archive.jobs(page_size, page_token, state=state, search=search, tag=tag or "")
    except ValueError as error:
        raise refuse_fault(str(error), parameter="page_token") from None
    return JobPage.model_validate({"jobs": page.items, "next_page_token": page.next_page_token, "last_event": last})


@router.get("/{job_id}", response_model=JobView, responses={304: {"description": "unchanged"}, **problems(404, 422)})
def job(
    found: JobDep, archive: ArchiveDep, response: Response, if_none_match: Annotated[str | None, Header()] = None
) -> JobView | Response:
    """Return a search, or 304 for a matching If-None-Match, so that polling is cheap."""
    shown = _shown(found, archive)
    etag = f'"{hashlib.sha256(repr(shown).encode()).hexdigest()[:32]}"'
    if if_none_match is not None and etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(",")):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"etag": etag})
    response.headers["ETag"] = etag
    return shown


@router.patch("/{job_id}", responses=problems(400, 404, 413, 422))
def change(job_id: JobId, body: JobChange, archive: ArchiveDep) -> JobView:
    """Give a search another name, or other tags."""
    return _shown(archive.change_job(job_id, name=body.name, tags=body.tags), archive)


@router.delete("/{job_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404, 409, 422, 503))
def delete(found: JobDep, request: Request, archive: ArchiveDep, settings: SettingsDep, exports: ExportsDep) -> None:
    """Delete a search that has ended, with its weights, checkpoints and exports, for good.

    A key of scope `submit` may delete what it submitted. A repeat after an interruption deletes the rest.
    """
    require_owner(request.state.key, found)
    try:
        delete_search(archive, Artifacts(settings.artifacts), exports, found.id)
    except ArtifactError as error:
        raise Refused(503, f"the artifacts cannot be deleted, so the search stays: {error}") from None


@router.post("/{job_id}/pause", responses=problems(404, 409, 422))
def pause(job_id: JobId, archive: ArchiveDep) -> JobView:
    """Pause a search: candidates under way finish, no others begin."""
    return _shown(archive.act(job_id, Action.PAUSE), archive)


@router.post("/{job_id}/resume", responses=problems(404, 409, 422))
def resume(job_id: JobId, archive: ArchiveDep) -> JobView:
    """Resume a paused or failed search where it was. One that was put off does not wait any longer."""
    return _shown(archive.act(job_id, Action.RESUME), archive)


@router.post("/{job_id}/cancel", responses=problems(404, 409, 422))
def cancel(job_id: JobId, archive: ArchiveDep) -> JobView:
    """Cancel a search. It cannot be resumed; its results are kept."""
    return _shown(archive.act(job_id, Action.CANCEL), archive)


@router.get("/{job_id}/history", response_model=History, responses=problems(404, 422))
def history(
    job_id: JobId,
    archive: ArchiveDep,
    most: Annotated[int | None, Query(ge=2, le=2**31 - 1, description="rows at most, spread evenly")] = None,
) -> JSONResponse:
    """Return the hypervolume, the frontier size and the training tokens after trainings, in columns."""
    return JSONResponse(archive.history(job_id, most))


def _shown(job: Job, archive: Archive) -> JobView:
    return JobView.of(job, archive.stored(job.id) if job.started_at else NOTHING)
