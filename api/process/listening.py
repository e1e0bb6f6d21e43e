"""The socket on which the server listens."""

from __future__ import annotations

import socket

BACKLOG = 100
"""Connections that may wait until the server accepts them, and the most that it accepts at a time."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes a free one.

    Accepted connections inherit TCP_NODELAY. An answer is written as a header and a body; without the option the body
    waits for the acknowledgement of the header, which most clients delay by 40 ms. asyncio sets the option by itself
    only on sockets of an explicit protocol, which `socket.create_server` does not give.

    Raises:
        OSError: the address is in use or does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen at {host} port {port}: {error.strerror}") from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
