"""The size limit of request bodies. A larger body is answered with a problem document (RFC 9457)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.problems import problem

MAX_BODY = 64 * 2**10
DRAINED = 16 * MAX_BODY
"""Bytes of an oversized body that are read and discarded, so that most clients receive the answer."""

TOO_LARGE = f"the body is larger than the {MAX_BODY} bytes that this service reads"


class BodyLimit:
    """An ASGI middleware that answers 413 to a body whose announced or counted size exceeds `MAX_BODY` bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > MAX_BODY:
            await _drain(receive, more=True)
            await problem(Request(scope), 413, TOO_LARGE)(scope, receive, send)
            return
        counted = 0

        async def receive_some() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > MAX_BODY:
                await _drain(receive, message.get("more_body", False))
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, receive_some, send)


async def _drain(receive: Receive, more: bool) -> None:
    left = DRAINED
    while more and left > 0:
        message = await receive()
        more = message.get("more_body", False)
        left -= len(message.get("body", b""))
