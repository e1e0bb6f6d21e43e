"""Taking a trained candidate out as files that load anywhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import FileResponse

from api.web.deps import ArchiveDep, JobDep, Number, SettingsDep, problems
from api.web.exports import archive_file, build_export
from api.web.problems import Refused
from api.web.schemas import Export
from search.archive import Archive

router = APIRouter(prefix="/v1/jobs/{job_id}/candidates/{number}/export", tags=["exports"])

ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the archive",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=status.HTTP_201_CREATED, response_model=Export, responses=problems(404, 409, 422))
def build(
    job: JobDep, number: Number, request: Request, response: Response, archive: ArchiveDep, settings: SettingsDep
) -> dict[str, Any]:
    """Build the folder of a candidate whose weights are kept; its zip archive is at `download`."""
    candidate = archive.candidate(job.id, number)
    try:
        if not candidate.weights:
            raise FileNotFoundError
        files = build_export(job, candidate, settings.artifacts)
    except FileNotFoundError:
        raise Refused(409, f"the weights of candidate {number} are not kept; {_kept(archive, job.id)}") from None
    download = request.url_for("download", job_id=job.id, number=number).path
    response.headers["Location"] = download
    return {"download": download, "files": files}


@router.get("", response_class=FileResponse, responses=ZIP | problems(404, 422))
def download(job: JobDep, number: Number, archive: ArchiveDep, settings: SettingsDep) -> FileResponse:
    """The archive of a candidate exported before."""
    candidate = archive.candidate(job.id, number)
    file = archive_file(settings.artifacts, job.id, candidate.number)
    if not file.is_file():
        raise Refused(404, f"candidate {number} has not been exported yet; POST to this address does it")
    return FileResponse(file, media_type="application/zip", filename=file.name)


def _kept(archive: Archive, job_id: str) -> str:
    numbers = [str(one.number) for one in archive.frontier(job_id) if one.weights]
    return f"those on the frontier are: {', '.join(numbers)}" if numbers else "no candidate's are, so far"
