"""Streams of changes as server-sent events. A stream only reads the database, so it does not slow a search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import BrokenResourceError
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.web.deps import JobDep, SettingsDep, problems
from api.web.feed import Feed
from api.web.problems import Refused

LAST_SEQ = 2**63 - 1

router = APIRouter(prefix="/v1", tags=["events"])

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
    except* BrokenResourceError:  # FastAPI was about to write to a reader who has left
        pass
    finally:
        feed.streams -= 1


FeedDep = Annotated[Feed, Depends(_one_of_few)]


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, responses=problems(404, 422, 429))
async def job_events(
    job: JobDep, feed: FeedDep, last_event_id: LastEventId = None, after: After = 0
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of one search after a number; the last one is `end`. A search's `last_event` is such a number.

    `job`: its state changed. `candidate`: it was proposed, or its summary changed. `training`: a further training or
    attempt began, or a training ended; an honest finish changes no candidate. `frontier`: candidates entered or left
    the frontier. `thinned`: the search has ended, and its events from number `first` to number `last` were removed,
    except the changes of its state; what they led to is in the search's other answers.
    """
    async for event in _sent(feed, job.id, after if last_event_id is None else last_event_id):
        yield event


@router.get("/events", response_class=EventSourceResponse, responses=problems(422, 429))
async def all_events(
    feed: FeedDep, last_event_id: LastEventId = None, after: After = 0
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of all searches without end."""
    async for event in _sent(feed, None, after if last_event_id is None else last_event_id):
        yield event


async def _sent(feed: Feed, job_id: str | None, after: int) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="following")  # so that a reader learns at once that it is connected
    async for told in feed.follow(job_id, after):
        yield ServerSentEvent(id=str(told.seq), event=told.kind, raw_data=told.text)
