"""All candidates of a search in columns, for charts."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Request, Response, status

from api.web.deps import JobId, problems
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
    answer = await to_thread.run_sync(ask, limiter=_threads)
    headers = {"etag": answer.tag, "cache-control": "private, no-cache", "vary": "accept-encoding"}
    if answer.body is None:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    if encoding != IDENTITY:
        headers["content-encoding"] = encoding
    return Response(answer.body, media_type="application/json", headers=headers)
