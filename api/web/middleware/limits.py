"""The limits of request bodies: their size, and the time in which they arrive.

A body over a limit is answered with a problem document (RFC 9457).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.problems import problem

MAX_BODY = 64 * 2**10
DRAINED = 16 * MAX_BODY
"""Bytes of an oversized body that are read and discarded, so that most clients receive the answer."""

TOO_LARGE = f"the body is larger than the {MAX_BODY} bytes that this service reads"

TWO_LENGTHS = "the request has both Content-Length and Transfer-Encoding; send one of them"


class BodyLimit:
    """An ASGI middleware that answers 413 to a body that is larger than `MAX_BODY` bytes, announced or counted.

    It answers 408 to a body that has not arrived completely in time, and 400 to a body with both a length and chunks: a
    proxy that goes by the other one would take the rest of the body for the next client's request (RFC 9112, 6.1).

    Args:
        seconds: time for the body, from the moment at which the application begins to read it.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            await problem(Request(scope), 400, TWO_LENGTHS, headers={"Connection": "close"})(scope, receive, send)
            return
        body = _Body(receive, self.seconds)
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > MAX_BODY:
            with suppress(HTTPException):  # it is refused in any case
                await body.drain()
            await problem(Request(scope), 413, TOO_LARGE)(scope, receive, send)
            return
        await self.app(scope, body.receive, send)


class _Body:
    """A request's body on its way."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive, self._seconds = receive, seconds
        self._until: float | None = None
        self._counted = 0
        self._more = True

    async def receive(self) -> Message:
        """Receive a part of the body or, after the last one, a message about the connection, which may take long.

        Raises:
            HTTPException: 413 or 408.
        """
        if not self._more:
            return await self._receive()
        message = await self._part()
        self._counted += len(message.get("body", b""))
        if self._counted > MAX_BODY:
            await self.drain()
            raise HTTPException(413, TOO_LARGE)
        return message

    async def drain(self) -> None:
        """Discard parts of the body until it ends, or enough of it was read."""
        left = DRAINED
        while self._more and left > 0:
            left -= len((await self._part()).get("body", b""))

    async def _part(self) -> Message:
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            self._more = False
            detail = f"the body did not arrive within {self._seconds:g} s"
            raise HTTPException(408, detail, {"Connection": "close"}) from None
        self._more = message.get("more_body", False)
        return message
