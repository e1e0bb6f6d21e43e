"""The refusal of requests that name another host.

A page of another site may let its own name point to this machine (DNS rebinding). For a browser the page and this
service then are one site, so neither the Origin header nor the same-origin policy holds it off; the Host header does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.web.problems import problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANY = "*"

HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]*)?")
"""A Host header in lower case: a name or an address, and perhaps a port."""


class Hosts:
    """An ASGI middleware that answers 421 (misdirected request) unless the Host header names a legal host.

    Args:
        legal: names and addresses beside those of the loopback interface, without ports; `*` permits every host.
    """

    def __init__(self, app: ASGIApp, legal: Iterable[str]) -> None:
        self.app = app
        self.legal = {*LOOPBACK, *(name.lower() for name in legal)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ANY not in self.legal and not self._named(Headers(scope=scope).get("host", "")):
            detail = "this service does not answer to the name in the Host header; the setting STAR_HOSTS lists names"
            await problem(Request(scope), 421, detail)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _named(self, host: str) -> bool:
        found = HOST.fullmatch(host.lower())
        return found is not None and (found["address"] or found["name"]) in self.legal
