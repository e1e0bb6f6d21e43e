"""Exporting a trained candidate as files that load without this service."""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.responses import FileResponse

from api.web.deps import ArchiveDep, ExportsDep, JobDep, Number, problems
from api.web.exports import DamagedError, Exports, InterruptedExportError, UnsuitableError, WeightsPlace
from api.web.problems import Fault, Refused, refuse_fault
from api.web.schemas import Export
from search.archive import Archive
from search.archive.values import Candidate, Job
from star.export.formats import FORMATS, format_named

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/jobs/{job_id}/candidates/{number}/export", tags=["exports"])

DEFAULT = "folder"

MOST_WAITING = 8
"""Exports in heavy formats that may wait for the one that is written."""

_one_at_a_time = CapacityLimiter(1)

ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the zip archive",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def _format(
    name: Annotated[
        str,
        Query(
            alias="format", description="name of a format, as in /v1/formats", json_schema_extra={"enum": [*FORMATS]}
        ),
    ] = DEFAULT,
) -> str:
    try:
        format_named(name)
    except ValueError as error:
        raise refuse_fault(str(error), parameter="format") from None
    return name


Form = Annotated[str, Depends(_format)]


@router.post(
    "", status_code=status.HTTP_201_CREATED, response_model=Export, responses=problems(404, 409, 422, 500, 503)
)
async def build(
    job: JobDep,
    number: Number,
    request: Request,
    response: Response,
    archive: ArchiveDep,
    exports: ExportsDep,
    form: Form = DEFAULT,
) -> dict[str, Any]:
    """Build the export of a candidate whose weights are kept, in a format. Its zip archive is at `download`."""
    work = partial(_built, job, number, archive, exports, form)
    if FORMATS[form].light:
        files = await to_thread.run_sync(work)
    else:
        if _one_at_a_time.statistics().tasks_waiting >= MOST_WAITING:
            detail = f"{MOST_WAITING} exports wait already for the one that is written; repeat the request later"
            raise Refused(503, detail, headers={"Retry-After": "60"})
        files = await to_thread.run_sync(work, limiter=_one_at_a_time)
    download = request.url_for("download", job_id=job.id, number=number).path
    download += "" if form == DEFAULT else f"?{urlencode({'format': form})}"
    response.headers["Location"] = download
    return {"download": download, "files": files}


def _built(job: Job, number: int, archive: Archive, exports: Exports, form: str) -> list[str]:
    candidate = archive.candidate(job.id, number)
    try:
        return exports.build(job, candidate, archive.frontier(job.id), form)
    except FileNotFoundError:
        latest = archive.candidate(job.id, number)  # since the read above it may have left the frontier
        raise Refused(409, exports.refusal(latest, archive.frontier(job.id))) from None
    except UnsuitableError as error:
        raise Refused(409, str(error), [Fault(parameter="format", detail=str(error))]) from None
    except InterruptedExportError as error:
        raise Refused(503, f"candidate {number} was not exported: {error}", headers={"Retry-After": "60"}) from None
    except DamagedError as error:
        log.error("candidate %d of job %s cannot be exported: %s", number, job.id, error)
        detail = f"the weights of candidate {number} are kept, but they are damaged or cannot be read"
        raise Refused(500, f"{detail}; the server's log has the reason") from None
    except RuntimeError as error:
        log.error("candidate %d of job %s cannot be exported as %s: %s", number, job.id, form, error)
        raise Refused(500, f"writing the format {form} failed; the server's log has the reason") from None


@router.get("", response_class=FileResponse, responses=ZIP | problems(404, 422))
def download(
    job: JobDep, number: Number, archive: ArchiveDep, exports: ExportsDep, form: Form = DEFAULT
) -> FileResponse:
    """Download the zip archive of a candidate that was exported in this format before."""
    candidate = archive.candidate(job.id, number)
    file = exports.file(candidate, form)
    if not file.is_file():
        raise Refused(404, _not_exported(candidate, archive.frontier(job.id), exports))
    return FileResponse(file, media_type="application/zip", filename=file.name)


def _not_exported(candidate: Candidate, frontier: list[Candidate], exports: Exports) -> str:
    if exports.place(candidate) is WeightsPlace.HERE:
        return f"candidate {candidate.number} was not exported yet; POST to this address exports it"
    reason = exports.refusal(candidate, frontier)
    return f"candidate {candidate.number} was not exported, and POST to this address cannot export it: {reason}"
