"""The id of a request: in the answer, in problem documents, and in every line that is logged about it."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.middleware.headers import SAFE
from search.log_fields import add_log_fields

log = logging.getLogger(__name__)

HEADER = "x-request-id"
LEGAL = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""An id that a client or a proxy may give. Any other one is replaced."""


class Traced:
    """An ASGI middleware that gives each request an id, and logs each one that changes something or fails."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if LEGAL.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id  # outlives this middleware, for the answer to an unexpected error
        add_log_fields(request=request_id)  # of this request alone: each has a task of its own
        began, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if scope["method"] not in SAFE or status >= 500:
                seconds = time.perf_counter() - began
                about = {"job": scope.get("path_params", {}).get("job_id"), "key": _key_id(scope)}
                log.info(
                    "%s %s: %d in %.0f ms",
                    scope["method"],
                    scope["path"],
                    status,
                    1e3 * seconds,
                    extra={"about": {name: value for name, value in about.items() if value is not None}},
                )


def _key_id(scope: Scope) -> str | None:
    """Return the id of the API key of a request, which is no secret."""
    key = scope.get("state", {}).get("key")
    return key.id if key is not None else None
