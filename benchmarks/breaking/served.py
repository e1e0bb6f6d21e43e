"""A server in a process of its own, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

DESCRIPTORS = 1024
SAMPLE_SECONDS = 0.5


class Watched(NamedTuple):
    """A running server.

    Attributes:
        log: the file to which it writes what it has to say.
    """

    url: str
    pid: int
    log: Path

    def health(self) -> float:
        """Return the seconds that `/healthz` takes on a new connection.

        Raises:
            httpx.HTTPError: it does not answer, or does not answer with success.
        """
        began = time.perf_counter()
        httpx.get(f"{self.url}/healthz", timeout=60, trust_env=False).raise_for_status()
        return time.perf_counter() - began

    def mebibytes(self) -> float:
        """Return the resident memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@contextmanager
def watched(database: str, folder: Path) -> Iterator[Watched]:
    """Run `star serve --no-runner` with `DESCRIPTORS` file descriptors."""
    log = folder / "server.log"
    options = ["--port", "0", "--database", database, "--json", "--artifacts", str(folder / "artifacts")]
    command = [sys.executable, "-m", "api.cli", "serve", "--no-runner", *options]
    limited = ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", *command]
    with log.open("wb") as sink:
        unbounded = os.environ | {"STAR_RATE": "0"}  # a request that is refused by its rate tests nothing else
        process = subprocess.Popen(limited, env=unbounded, stdout=subprocess.PIPE, stderr=sink, text=True)  # noqa: S603
    try:
        assert process.stdout is not None
        server = Watched(str(json.loads(process.stdout.readline())["url"]), process.pid, log)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                server.health()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)


class Observed:
    """The slowest `/healthz` and the most memory of a server while something goes on.

    Attributes:
        slowest: seconds.
        memory: mebibytes.
    """

    def __init__(self, server: Watched) -> None:
        self.slowest, self.memory = 0.0, server.mebibytes()
        self._server, self._over = server, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Observed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.memory = max(self.memory, self._server.mebibytes())
            try:
                self.slowest = max(self.slowest, self._server.health())
            except httpx.HTTPStatusError:  # 503 while all connections are taken is an answer
                continue
