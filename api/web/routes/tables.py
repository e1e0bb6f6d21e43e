"""All candidates of a search as a file for other programs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import IO, Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.web.deps import ArchiveDep, JobDep, problems
from api.web.problems import Refused
from api.web.tables import FORMATS, INSTALL, TableFormat
from search.archive import Archive

CHUNK = 2**16

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_one_at_a_time = CapacityLimiter(1)

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the file",
        "content": {
            one.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for one in FORMATS.values()
        },
    }
}


@router.get("/{job_id}/table", response_class=StreamingResponse, responses=FILE | problems(404, 422, 501))
async def table(
    job: JobDep,
    archive: ArchiveDep,
    form: Annotated[TableFormat, Query(alias="format", description="format of the file")] = TableFormat.CSV,
) -> StreamingResponse:
    """Return all candidates as a file with a row for each: what they are, their state, and every metric."""
    file = await to_thread.run_sync(partial(_written, archive, job.id, form), limiter=_one_at_a_time)
    headers = {
        "content-length": str(file.tell()),
        "content-disposition": "attachment",
        "cache-control": "no-store",
    }
    return StreamingResponse(_chunks(file), media_type=FORMATS[form].media_type, headers=headers)


def _written(archive: Archive, job_id: str, form: TableFormat) -> IO[bytes]:
    """Write a table to a file that has no name, so that it is gone with its last reader."""
    with ExitStack() as unread:
        file = unread.enter_context(tempfile.TemporaryFile())
        try:
            FORMATS[form].write(archive.point_rows(job_id), file)
        except ModuleNotFoundError:
            raise Refused(501, INSTALL) from None
        unread.pop_all()
        return file


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        yield from iter(partial(file.read, CHUNK), b"")
