"""Readers that ask for a large answer and never take it: they hold little memory, few places, and not for long."""

from __future__ import annotations

import importlib
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.web.pieces import AT_ONCE
from search.archive import Archive
from tests.api.process.test_serve import served
from tests.processes import eventually

pytestmark = pytest.mark.slow

READERS = 40
CANDIDATES = 40_000
"""So many that their points are larger than what the system keeps for a connection."""


def resident(pid: int) -> int:
    """Memory of a process in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def asked(stack: ExitStack, url: str, path: str) -> socket.socket:
    """A connection on which an answer waits, of which the client takes at most a few kilobytes."""
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    address = urlsplit(url)
    connection.connect((address.hostname, address.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    return connection


def rest(connection: socket.socket) -> bytes:
    """What the connection holds until the server ends it."""
    found = b""
    connection.settimeout(30)
    try:
        while part := connection.recv(2**16):
            found += part
    except ConnectionResetError:
        pass
    return found


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The path of the points of a large search, whose rows a benchmark knows how to write quickly."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    filled = importlib.import_module("api_load.rows").filled
    url = f"sqlite:///{tmp_path / 'star.db'}"
    archive = Archive(url)
    archive.migrate()
    yield f"/v1/jobs/{filled(archive, url, CANDIDATES)}/points"
    archive.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the memory of a process in /proc")
def test_they_hold_little_and_are_cut_off(large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_STALLED_SECONDS", "5")
    with served(tmp_path, "--no-runner") as (process, url), ExitStack() as stack:
        size = len(httpx.get(f"{url}{large}", headers={"Accept-Encoding": "identity"}, timeout=60).content)
        before = resident(process.pid)

        readers = [asked(stack, url, large) for _ in range(READERS)]
        eventually(lambda: all(one.recv(12, socket.MSG_PEEK) for one in readers))

        assert httpx.get(f"{url}/healthz").status_code == 200
        assert resident(process.pid) - before < 4 * size
        statuses = Counter(one.recv(12, socket.MSG_PEEK).decode()[9:] for one in readers)
        assert statuses == {"200": AT_ONCE, "503": READERS - AT_ONCE}

        time.sleep(10)  # longer than a client may take nothing
        answers = [rest(one) for one in readers]
        taken = [len(one) for one in answers if one.startswith(b"HTTP/1.1 200")]
        assert max(taken) < size
        refused = next(one for one in answers if one.startswith(b"HTTP/1.1 503"))
        assert json.loads(refused.partition(b"\r\n\r\n")[2])["status"] == 503
        assert b"\r\nretry-after: 5\r\n" in refused
        assert httpx.get(f"{url}{large}", timeout=60).status_code == 200  # the places are free again
