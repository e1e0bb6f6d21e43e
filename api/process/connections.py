"""What a client may hold of a server: the number of its connections, and the time for the head of a request."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import time
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("star")

RESERVED = 512
"""File descriptors for the database, the artifacts, and connections that were accepted and are not yet refused.

It is five times the backlog, because asyncio accepts about four times as many before it looks at the first of them,
and closes those that are refused only afterwards.
"""

MOST_FILES = 65_536
"""Largest number of file descriptors that the server asks for, if the system permits as many."""

QUIET_SECONDS = 60.0
"""Seconds in which the same failure to accept a connection is logged once."""


class Connection(H11Protocol):
    """An HTTP/1.1 connection of a client that must send the head of a request in time.

    uvicorn's own time-out ends as soon as one byte has arrived. A client that sends nothing is disconnected without an
    answer, as browsers connect in advance; one that has sent half a head gets 408.

    Args:
        seconds: time for the head of a request, from the connection or from the first byte after an answer.
        stalled: time in which a client that has an answer to read must take some of it, or it is disconnected.
        most: connections that the server holds; one more gets 503 and is closed.
    """

    def __init__(self, *args: Any, seconds: float, stalled: float, most: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._seconds, self._stalled, self._most = seconds, stalled, most
        self._reading: asyncio.TimerHandle | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._heard = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self._refuse(503, f"the server holds {self._most} connections, as many as it can")
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way or self.timeout_keep_alive_task is not None or self.transport.is_closing():
            self._wait_no_longer()
        elif self._waiting is None:
            self._wait()

    def on_response_complete(self) -> None:
        self._heard = False
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_no_longer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_longer()
        self._watch_no_longer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self._seconds, self._late)

    def _wait_no_longer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _watch(self, unread: int) -> None:
        self._reading = self.loop.call_later(self._stalled, self._look, unread)

    def _watch_no_longer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _look(self, before: int) -> None:
        """Disconnect a client that has taken nothing since the last look."""
        unread = self.transport.get_write_buffer_size()
        if unread < before:
            self._watch(unread)
        else:
            self.transport.abort()

    def _late(self) -> None:
        self._waiting = None
        if self._heard and self.conn.our_state is h11.IDLE:
            self._refuse(408, f"the head of the request did not arrive within {self._seconds:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with a problem document (RFC 9457) and close the connection."""
        title = HTTPStatus(status).phrase
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
            "Retry-After: 2\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def most_connections() -> int:
    """Let this process open as many files as the system permits, and return how many of them connections may take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft not in (resource.RLIM_INFINITY, wanted) and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    files = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files - RESERVED, files // 2)


class QuietErrors:
    """A handler of an event loop's errors that logs a failure to accept connections once a minute.

    When a process has no descriptors left, asyncio reports the same error for every place in the queue of waiting
    connections, thousands in a second, and tries again after a second.
    """

    def __init__(self) -> None:
        self._logged = -QUIET_SECONDS

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "out of system resource" not in context["message"]:
            loop.default_exception_handler(context)
        elif time.monotonic() - self._logged >= QUIET_SECONDS:
            self._logged = time.monotonic()
            log.error("connections cannot be accepted: %s; they wait until others end", context.get("exception"))
