"""Exporting a trained candidate as files that load without this service."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import FileResponse

from api.web.deps import ArchiveDep, ExportsDep, JobDep, Number, problems
from api.web.exports import DamagedError, Exports, WeightsPlace
from api.web.problems import Refused
from api.web.schemas import Export
from search.archive.values import Candidate

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/jobs/{job_id}/candidates/{number}/export", tags=["exports"])

ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the zip archive",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Export, responses=problems(404, 409, 422, 500))
def build(
    job: JobDep, number: Number, request: Request, response: Response, archive: ArchiveDep, exports: ExportsDep
) -> dict[str, Any]:
    """Build the export of a candidate whose weights are kept. Its zip archive is at `download`."""
    candidate = archive.candidate(job.id, number)
    try:
        files = exports.build(job, candidate)
    except FileNotFoundError:
        latest = archive.candidate(job.id, number)  # since the read above it may have left the frontier
        raise Refused(409, exports.refusal(latest, archive.frontier(job.id))) from None
    except DamagedError as error:
        log.error("candidate %d of job %s cannot be exported: %s", number, job.id, error)
        detail = f"the weights of candidate {number} are kept, but they are damaged or cannot be read"
        raise Refused(500, f"{detail}; the server's log has the reason") from None
    download = request.url_for("download", job_id=job.id, number=number).path
    response.headers["Location"] = download
    return {"download": download, "files": files}


@router.get("", response_class=FileResponse, responses=ZIP | problems(404, 422))
def download(job: JobDep, number: Number, archive: ArchiveDep, exports: ExportsDep) -> FileResponse:
    """Download the zip archive of a candidate that was exported before."""
    candidate = archive.candidate(job.id, number)
    file = exports.file(candidate)
    if not file.is_file():
        raise Refused(404, _not_exported(candidate, archive.frontier(job.id), exports))
    return FileResponse(file, media_type="application/zip", filename=file.name)


def _not_exported(candidate: Candidate, frontier: list[Candidate], exports: Exports) -> str:
    if exports.place(candidate) is WeightsPlace.HERE:
        return f"candidate {candidate.number} was not exported yet; POST to this address exports it"
    reason = exports.refusal(candidate, frontier)
    return f"candidate {candidate.number} was not exported, and POST to this address cannot export it: {reason}"
