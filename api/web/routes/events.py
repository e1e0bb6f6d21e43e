"""Streams of changes as server-sent events. A stream only reads the database, so it does not slow a search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from api.web.deps import JobDep, SettingsDep, problems
from api.web.feed import Feed
from api.web.problems import Refused

LAST_SEQ = 2**63 - 1

FOLLOWING, QUIET = b": following\n\n", b": quiet\n\n"
"""Comments, which browsers drop."""

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""No proxy may keep an event back."""

router = APIRouter(prefix="/v1", tags=["events"])


class EventStream(StreamingResponse):
    """Server-sent events, written by this module: many in one piece, which FastAPI's own response does not do."""

    media_type = "text/event-stream"


LastEventId = Annotated[
    int | None, Header(ge=0, le=LAST_SEQ, description="id of the last event received; the events after it are sent")
]
After = Annotated[int, Query(ge=0, le=LAST_SEQ, description="the same as Last-Event-ID, which takes precedence")]


RETRY_SECONDS = 10
"""Seconds after which a reader for whom there was no stream may ask again."""


async def _one_of_few(request: Request, settings: SettingsDep) -> AsyncIterator[Feed]:
    """Give the feed to a stream and count the stream while it is open.

    Raises:
        Refused: 429, when as many streams are open as the settings permit.
    """
    feed: Feed = request.app.state.feed
    if feed.streams >= settings.streams:
        detail = f"{feed.streams} event streams are open, and the setting STAR_STREAMS permits no more"
        raise Refused(429, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    feed.streams += 1
    try:
        yield feed
    finally:
        feed.streams -= 1


FeedDep = Annotated[Feed, Depends(_one_of_few)]


@router.get("/jobs/{job_id}/events", response_class=EventStream, responses=problems(404, 422, 429))
async def job_events(job: JobDep, feed: FeedDep, last_event_id: LastEventId = None, after: After = 0) -> EventStream:
    """Stream the events of one search after a number; the last one is `end`. A search's `last_event` is such a number.

    `job`: its state changed. `candidate`: it was proposed, or its summary changed. `training`: a further training or
    attempt began, or a training ended; an honest finish changes no candidate. `frontier`: candidates entered or left
    the frontier. `thinned`: the search has ended, and its events from number `first` to number `last` were removed,
    except the changes of its state; what they led to is in the search's other answers.
    """
    return EventStream(_sent(feed, job.id, after if last_event_id is None else last_event_id), headers=HEADERS)


@router.get("/events", response_class=EventStream, responses=problems(422, 429))
async def all_events(feed: FeedDep, last_event_id: LastEventId = None, after: After = 0) -> EventStream:
    """Stream the events of all searches without end."""
    return EventStream(_sent(feed, None, after if last_event_id is None else last_event_id), headers=HEADERS)


async def _sent(feed: Feed, job_id: str | None, after: int) -> AsyncIterator[bytes]:
    yield FOLLOWING  # so that a reader learns at once that it is connected
    async for events in feed.follow(job_id, after):
        yield b"".join(told.sent for told in events) or QUIET
