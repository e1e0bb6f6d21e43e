"""Clients of a served API: one that asks again as soon as it was answered, and several that keep to a timetable."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Ask:
    """A request."""

    path: str
    method: str = "GET"
    body: str | None = None
    headers: Mapping[str, str] | None = None


class Answer(NamedTuple):
    """A response, with the seconds until its last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Client:
    """One connection that is kept alive."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=120)

    def send(self, ask: Ask) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            RuntimeError: the answer is an error.
        """
        began = time.perf_counter()
        headers = {"content-type": "application/json", **(ask.headers or {})}
        self._connection.request(ask.method, ask.path, ask.body, headers)
        response = self._connection.getresponse()
        body = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        if response.status >= 400:
            raise RuntimeError(f"{ask.method} {ask.path} was answered with {response.status}: {body[:500]!r}")
        return Answer(response.status, found, body, time.perf_counter() - began)


@contextmanager
def served(database: str, folder: Path, processes: int = 1) -> Iterator[str]:
    """Run `star serve --no-runner` on a database and give its address."""
    options = ["--port", "0", "--database", database, "--json", "--artifacts", str(folder / "artifacts")]
    command = [sys.executable, "-m", "api.cli", "serve", "--no-runner", *options]
    environment = os.environ | {"STAR_RATE": "0", "STAR_PROCESSES": str(processes)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - its own program
    try:
        assert process.stdout is not None
        url = str(json.loads(process.stdout.readline())["url"])
        Client(url).send(Ask("/readyz"))
        time.sleep(8)  # the server imports what later requests need
        yield url
    finally:
        process.terminate()
        process.wait(30)


def in_turn(url: str, asks: Callable[[int], Ask], count: int) -> list[float]:
    """Send requests by one client, each after the answer to the one before; return the seconds of each."""
    client = Client(url)
    client.send(asks(0))
    return [client.send(asks(n)).seconds for n in range(1, count + 1)]


def by_timetable(url: str, asks: Callable[[int], Ask], clients: int, rate: float, seconds: float) -> list[float]:
    """Send requests at a fixed rate by each client, whether or not answers have come.

    Returns:
        The seconds from the time at which each request was due, so that a late one counts with its wait.
    """
    start, found, lock = time.perf_counter() + 0.5, [], threading.Lock()

    def work(own: int) -> None:
        client = Client(url)
        for n in range(round(rate * seconds)):
            due = start + (n + own / clients) / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            client.send(asks(n * clients + own))
            with lock:
                found.append(time.perf_counter() - due)

    threads = [threading.Thread(target=work, args=(own,)) for own in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) != clients * round(rate * seconds):
        raise RuntimeError("a client failed; its traceback is above")
    return found
