"""Streams of changes as server-sent events. A stream only reads the database, so it does not slow a search."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.web.deps import ArchiveDep, JobDep, problems
from search.archive import Archive
from search.archive.values import TERMINAL, Event

POLL_SECONDS = 0.3
BATCH = 200
LAST_SEQ = 2**63 - 1

router = APIRouter(prefix="/v1", tags=["events"])

LastEventId = Annotated[
    int | None, Header(ge=0, le=LAST_SEQ, description="id of the last event received; the events after it are sent")
]
After = Annotated[int, Query(ge=0, le=LAST_SEQ, description="the same as Last-Event-ID, which takes precedence")]


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, responses=problems(404, 422))
async def job_events(
    job: JobDep, request: Request, archive: ArchiveDep, last_event_id: LastEventId = None, after: After = 0
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of one search after a number; the last one is `end`. A search's `last_event` is such a number.

    `job`: its state changed. `candidate`: it was proposed, or its summary changed. `training`: a further training or
    attempt began, or a training ended; an honest finish changes no candidate. `frontier`: candidates entered or left
    the frontier. `thinned`: the search has ended, and its events from number `first` to number `last` were removed,
    except the changes of its state; what they led to is in the search's other answers.
    """
    async for event in _follow(request, archive, job.id, after if last_event_id is None else last_event_id):
        yield event


@router.get("/events", response_class=EventSourceResponse, responses=problems(422))
async def all_events(
    request: Request, archive: ArchiveDep, last_event_id: LastEventId = None, after: After = 0
) -> AsyncIterator[ServerSentEvent]:
    """Stream the events of all searches without end."""
    async for event in _follow(request, archive, None, after if last_event_id is None else last_event_id):
        yield event


async def _follow(request: Request, archive: Archive, job_id: str | None, after: int) -> AsyncIterator[ServerSentEvent]:
    """Yield the events after a sequence number as they appear, until the job has ended or the server closes."""
    closing: threading.Event = request.app.state.closing
    yield ServerSentEvent(comment="following")
    while not closing.is_set():
        # The state is read before the events, so that the events of a job that has ended are complete.
        ended = job_id is not None and (await run_in_threadpool(archive.job, job_id)).state in TERMINAL
        events = await run_in_threadpool(archive.events, job_id, after, BATCH)
        for event in events:
            yield _sent(event)
            after = event.seq
        if not events and ended:
            yield ServerSentEvent(event="end", id=str(after), data={"job_id": job_id})
            return
        if len(events) < BATCH:
            await asyncio.sleep(POLL_SECONDS)


def _sent(event: Event) -> ServerSentEvent:
    data: dict[str, Any] = {"job_id": event.job_id, "at": event.at, **event.data}
    return ServerSentEvent(id=str(event.seq), event=event.kind.value, data=data)
