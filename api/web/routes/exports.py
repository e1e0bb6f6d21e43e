"""Exporting a trained candidate as files that load without this service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import FileResponse

from api.web.deps import ArchiveDep, JobDep, Number, SettingsDep, problems
from api.web.exports import WeightsPlace, archive_file, build_export, reason_against_export, weights_place
from api.web.problems import Refused
from api.web.schemas import Export
from search.archive.values import Candidate

router = APIRouter(prefix="/v1/jobs/{job_id}/candidates/{number}/export", tags=["exports"])

ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the zip archive",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Export, responses=problems(404, 409, 422))
def build(
    job: JobDep, number: Number, request: Request, response: Response, archive: ArchiveDep, settings: SettingsDep
) -> dict[str, Any]:
    """Build the export of a candidate whose weights are kept. Its zip archive is at `download`."""
    candidate = archive.candidate(job.id, number)
    try:
        files = build_export(job, candidate, settings.artifacts)
    except FileNotFoundError:
        latest = archive.candidate(job.id, number)  # since the read above it may have left the frontier
        raise Refused(409, reason_against_export(latest, archive.frontier(job.id), settings.artifacts)) from None
    download = request.url_for("download", job_id=job.id, number=number).path
    response.headers["Location"] = download
    return {"download": download, "files": files}


@router.get("", response_class=FileResponse, responses=ZIP | problems(404, 422))
def download(job: JobDep, number: Number, archive: ArchiveDep, settings: SettingsDep) -> FileResponse:
    """Download the zip archive of a candidate that was exported before."""
    candidate = archive.candidate(job.id, number)
    file = archive_file(settings.artifacts, job.id, candidate.number)
    if not file.is_file():
        raise Refused(404, _not_exported(candidate, archive.frontier(job.id), settings.artifacts))
    return FileResponse(file, media_type="application/zip", filename=file.name)


def _not_exported(candidate: Candidate, frontier: list[Candidate], artifacts: Path) -> str:
    if weights_place(candidate, artifacts) is WeightsPlace.HERE:
        return f"candidate {candidate.number} was not exported yet; POST to this address exports it"
    reason = reason_against_export(candidate, frontier, artifacts)
    return f"candidate {candidate.number} was not exported, and POST to this address cannot export it: {reason}"
