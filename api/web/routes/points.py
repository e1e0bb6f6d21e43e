"""All candidates of a search in columns, for charts."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Request, Response, status

from api.web.deps import JobId, problems
from api.web.pieces import Pieces
from api.web.schemas import Points
from search.archive.points.compression import IDENTITY, accepted

AT_ONCE = 2
"""Threads that write answers, so that many readers of points leave the other threads to other requests."""

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_threads = CapacityLimiter(AT_ONCE)


@router.get(
    "/{job_id}/points",
    response_model=Points,
    responses={304: {"description": "unchanged"}, **problems(404, 422)},
)
async def points(job_id: JobId, request: Request, if_none_match: Annotated[str, Header()] = "") -> Response:
    """Return every candidate in columns, or 304 for a matching If-None-Match.

    The answer is compressed with gzip if the client accepts that, and kept until the next change.
    """
    encoding = accepted(",".join(request.headers.getlist("accept-encoding")))
    ask = partial(request.app.state.points.answer, job_id, encoding, if_none_match)
    with ExitStack() as place:
        place.enter_context(request.app.state.room.place())
        answer = await to_thread.run_sync(ask, limiter=_threads)
        headers = {"etag": answer.tag, "cache-control": "private, no-cache", "vary": "accept-encoding"}
        if answer.parts is None:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        if encoding != IDENTITY:
            headers["content-encoding"] = encoding
        return Pieces(answer.parts, headers, "application/json", place.pop_all())
