"""Many event streams while results come in: how late a stream hears of one, and what that costs other requests."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from api_load.clients import Ask, in_turn
from api_load.live import Live

HEARD = b"event: training"
"""One such event is sent when the outcome of a training is recorded."""

SETTLE_SECONDS = 5.0


def streamed(url: str, job: str, last: int, live: Live, *, streams: int, rate: float, seconds: float) -> dict[str, Any]:
    """Follow a job by so many streams while results are recorded at a rate.

    Returns:
        Milliseconds from the record of a result until a stream has it, and of requests for the job meanwhile.
    """
    connections = [_opened(url, f"/v1/jobs/{job}/events?after={last}") for _ in range(streams)]
    heard: list[list[float]] = [[] for _ in connections]
    over, asked = threading.Event(), list[float]()
    threads = [
        threading.Thread(target=_listen, args=(connections, heard, over)),
        threading.Thread(target=_ask, args=(url, Ask(f"/v1/jobs/{job}"), asked.append, over)),
    ]
    for thread in threads:
        thread.start()
    recorded, start = [], time.perf_counter()
    for n in range(round(rate * seconds)):
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        live.result()
        recorded.append(time.perf_counter())
    time.sleep(SETTLE_SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    late = [1e3 * (at - done) for own in heard for at, done in zip(own, recorded, strict=False)]
    missing = sum(len(recorded) - min(len(own), len(recorded)) for own in heard)
    return {"late": _quantiles(late), "missing": missing, "requests": _quantiles([1e3 * one for one in asked])}


def _opened(url: str, path: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), parts.port), timeout=30)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
    connection.recv(65536)
    connection.setblocking(False)
    return connection


def _listen(connections: list[socket.socket], heard: list[list[float]], over: threading.Event) -> None:
    """Note for each stream when each result reached it; an event may arrive in two pieces."""
    rests = [b""] * len(connections)
    with selectors.DefaultSelector() as selector:
        for n, connection in enumerate(connections):
            selector.register(connection, selectors.EVENT_READ, n)
        while not over.is_set():
            for key, _ in selector.select(timeout=0.2):
                text = rests[key.data] + key.fileobj.recv(2**16)  # type: ignore[union-attr]
                heard[key.data] += [time.perf_counter()] * text.count(HEARD)
                rests[key.data] = text[-len(HEARD) + 1 :]


def _ask(url: str, ask: Ask, note: Callable[[float], None], over: threading.Event) -> None:
    while not over.is_set():
        note(in_turn(url, lambda n: ask, 1)[0])
        time.sleep(0.1)


def _quantiles(found: list[float]) -> dict[str, float]:
    median, late, worst = np.percentile(found, [50, 95, 100])
    return {"p50": float(median), "p95": float(late), "worst": float(worst), "count": len(found)}
