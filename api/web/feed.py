"""One reader of new events for all event streams of this process.

A stream first reads the events that it has missed from the archive, and then takes those that the feed hands to every
stream. The feed polls only while there are streams. It knows the last number before any stream begins to catch up, so
that an event is read while catching up or handed over, and never neither.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from fastapi.concurrency import run_in_threadpool

from api.web.problems import reason
from api.web.schemas.events import Told
from search.archive import Archive
from search.archive.errors import NotFoundError
from search.archive.schema.engine import UNAVAILABLE
from search.archive.values import TERMINAL

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
AWAY_SECONDS = 2.0
"""Seconds between two attempts to reach a database that does not answer."""

QUIET_SECONDS = 15.0
"""Seconds without an event after which a stream sends a sign of life, so that nobody between closes it."""

BATCH = 200
CATCHING_UP = 2
"""Streams that read what they have missed at a time, so that other requests find a free thread."""

MOST_WAITING = 1000
"""Events that wait for a slow reader of a stream; when there are more, it reads them from the archive again."""


class Reader:
    """The events that the feed has handed to one stream and that the stream has not taken yet.

    Attributes:
        behind: whether the stream must read from the archive what it has missed.
        closed: whether the stream must end.
    """

    def __init__(self, job_id: str | None) -> None:
        self.job_id = job_id
        self.behind = True
        self.closed = False
        self._waiting: deque[Told] = deque()
        self._wake = asyncio.Event()

    def hand(self, told: Told) -> None:
        """Let an event wait for the stream if it belongs to its search."""
        if self.job_id not in (None, told.job_id):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self.behind = True
        else:
            self._waiting.append(told)
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self._wake.set()

    def taken(self) -> list[Told]:
        """Return the events that wait, which wait no longer."""
        found = list(self._waiting)
        self._waiting.clear()
        return found

    async def news(self) -> bool:
        """Wait until something was handed over or the stream must end; return False if that takes `QUIET_SECONDS`."""
        if not (self.behind or self.closed or self._waiting):
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), QUIET_SECONDS)
            except TimeoutError:
                return False
        return True


class Feed:
    """Polls the archive for all streams. It belongs to one event loop.

    Attributes:
        closing: set it to end all streams.
        streams: number of streams that are open.
    """

    def __init__(self, archive: Archive) -> None:
        self.closing = threading.Event()
        self.streams = 0
        self._archive = archive
        self._readers: set[Reader] = set()
        self._polling: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._turn = asyncio.Semaphore(CATCHING_UP)

    async def follow(self, job_id: str | None, after: int) -> AsyncIterator[list[Told]]:
        """Yield the events after a number as they appear and, when the job has ended, one of kind `end`.

        Events that are there at the same time come as one list, and an empty list after every `QUIET_SECONDS`.
        It returns early, without an end, when the server closes, the database does not answer or the search was
        deleted. A reader then comes back with the last number that it has heard.
        """
        with self._reading(job_id) as reader:
            await self._ready.wait()
            ended = False
            while not reader.closed:
                if reader.behind:
                    try:
                        ended, found = await self._missed(reader, after)
                    except (*UNAVAILABLE, NotFoundError):  # NotFoundError: the search was deleted
                        return
                else:
                    found = reader.taken()
                new = [told for told in found if told.seq > after]
                if new:
                    yield new
                    after = new[-1].seq
                    ended = next((told.ends for told in reversed(new) if told.ends is not None), ended)
                if ended and not found and job_id is not None:
                    yield [Told.end(after, job_id)]
                    return
                if not found and not await reader.news():
                    yield []

    async def _missed(self, reader: Reader, after: int) -> tuple[bool, list[Told]]:
        """Return whether the job of a stream has ended, and the next events from the archive.

        The state is read before the events, so that the events of a job that has ended are complete.
        """
        reader.behind = False
        async with self._turn:
            ended = reader.job_id is not None and await run_in_threadpool(self._ended, reader.job_id)
            found = await run_in_threadpool(self._archive.events, reader.job_id, after, BATCH)
        reader.behind |= len(found) == BATCH
        return ended, [Told.of(event) for event in found]

    def _ended(self, job_id: str) -> bool:
        return self._archive.job(job_id).state in TERMINAL

    @contextmanager
    def _reading(self, job_id: str | None) -> Iterator[Reader]:
        reader = Reader(job_id)
        self._readers.add(reader)
        if self._polling is None:
            self._ready = asyncio.Event()
            self._polling = asyncio.get_running_loop().create_task(self._poll(self._ready))
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    async def _poll(self, ready: asyncio.Event) -> None:
        """Hand every new event to every reader until the server closes."""
        try:
            last = await self._answer(self._archive.last_event)
            ready.set()
            while not self.closing.is_set():
                found = await self._answer(self._archive.events, None, last, BATCH)
                for event in found:
                    told, last = Told.of(event), event.seq
                    for reader in self._readers:
                        reader.hand(told)
                if len(found) < BATCH:
                    await asyncio.sleep(POLL_SECONDS)
        except Exception:
            log.exception("the event streams end, because new events could not be read")
        finally:
            ready.set()
            if self._polling is asyncio.current_task():
                self._polling = None
                for reader in self._readers:
                    reader.close()

    async def _answer(self, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Return what the archive answers, as soon as it does."""
        away = False
        while True:
            try:
                found = await run_in_threadpool(read, *args, **options)
            except UNAVAILABLE as error:
                if not away:
                    log.warning("event streams wait for the database, which does not answer: %s", reason(error))
                away = True
                await asyncio.sleep(AWAY_SECONDS)
            else:
                return found
