"""Large answers that are sent piece by piece, so that a reader who is slow holds no copy of them in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.web.problems import Refused

PIECE = 2**16
"""Bytes of a piece. The next one is sent when the connection has room, so a reader has about two of them waiting."""

AT_ONCE = 32
"""Large answers that are sent at once; each may be an older state of its search, which is held until it was read."""


class Room:
    """The number of large answers that are being made and sent."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._most, self._taken = most, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the block.

        Raises:
            Refused: 503; all are taken.
        """
        if self._taken >= self._most:
            detail = f"the server sends {self._most} large answers, as many as it can; repeat the request later"
            raise Refused(503, detail, headers={"Retry-After": "5"})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Pieces(Response):
    """An answer from parts, none of which is copied as a whole.

    Args:
        parts: the body; other answers may share them.
        place: closed when the answer was sent or its reader is gone.
    """

    def __init__(self, parts: Sequence[bytes], headers: Mapping[str, str], media_type: str, place: ExitStack) -> None:
        length = {"content-length": str(sum(map(len, parts)))}
        super().__init__(headers={**headers, **length}, media_type=media_type)
        self._parts, self._place = parts, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for piece in _pieces(self._parts):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _pieces(parts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield a body in pieces: short parts together, and long ones in slices."""
    waiting = bytearray()
    for part in parts:
        for at in range(0, len(part), PIECE):
            waiting += part[at : at + PIECE]
            if len(waiting) >= PIECE:
                yield bytes(waiting)
                waiting.clear()
    yield bytes(waiting)
