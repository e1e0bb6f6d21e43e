"""Many clients at once, each of which takes more than it should."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

from breaking.hostile import get

HELD_SECONDS = 20.0
"""The time for which the crowd stays."""

BUFFER = 4096

LOCAL = "Host: localhost"


class Crowd(NamedTuple):
    """So many clients that send the same request, which may name a job."""

    name: str
    clients: int
    request: Callable[[str], bytes]


CROWDS = (
    Crowd("event streams", 1200, lambda job: get(f"/v1/jobs/{job}/events", LOCAL, "Accept: text/event-stream")),
    Crowd("half a request", 700, lambda job: b"GET /healthz HTTP/1.1\r\nHost: loc"),
    Crowd("all points, never read", 40, lambda job: get(f"/v1/jobs/{job}/points", LOCAL, "Accept-Encoding: gzip")),
)


def gathered(url: str, crowd: Crowd, job: str) -> Counter[str]:
    """Let a crowd send its request, read the first line of what they are answered and then nothing more.

    Returns:
        The number of clients by the status that they were answered, "nothing" where nothing came, and "not connected".
    """
    parts, found = urlsplit(url), Counter[str]()
    with ExitStack() as held:
        connections = []
        for _ in range(crowd.clients):
            try:
                connection = socket.create_connection((str(parts.hostname), parts.port), timeout=5)
            except OSError:
                found["not connected"] += 1
                continue
            held.callback(connection.close)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            connections.append(connection)
            try:
                connection.sendall(crowd.request(job))
            except OSError:
                continue  # it was refused at once; its answer is read below
        time.sleep(HELD_SECONDS)
        found.update(map(_status, connections))
    return found


def _status(connection: socket.socket) -> str:
    connection.settimeout(0.05)
    try:
        words = connection.recv(12).split()
    except TimeoutError:
        return "nothing"
    except OSError:
        return "closed"
    return words[1].decode() if len(words) > 1 else "closed"
