"""Connections to a real server: what is set on them, how long half a request is held, and how many there may be."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from api.process.connections import QuietErrors
from search.archive.values import Action
from tests.api.process.test_serve import SERVE, answers, kept_in
from tests.api.web.test_events_stream import events
from tests.own_loop import completed
from tests.processes import eventually
from tests.served import Service

pytestmark = pytest.mark.slow


def test_a_kept_connection_answers_without_waiting_for_acknowledgements(service: Service) -> None:
    service.client.get("/healthz").raise_for_status()

    kept = [one.transport.get_extra_info("socket") for one in service.server.server_state.connections]

    assert kept
    assert {one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in kept} == {1}


@pytest.fixture
def hurried(
    start_service: Callable[[], AbstractContextManager[Service]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """A server that waits for less than a second for a request."""
    monkeypatch.setenv("STAR_REQUEST_SECONDS", "0.5")
    with start_service() as service:
        yield service


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def told(connection: socket.socket) -> bytes:
    """Everything that the server sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: loc"
BODY = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{"


@pytest.mark.parametrize(
    ("sent", "status"),
    [(HALF, b"408"), (BODY % 50, b"408"), (BODY % 500_000, b"413")],
    ids=["half a head", "half a body", "half of too large a body"],
)
def test_half_a_request_is_answered_and_not_held(hurried: Service, sent: bytes, status: bytes) -> None:
    with connected(hurried.url) as connection:
        connection.sendall(sent)

        answer = told(connection)

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in answer
    assert hurried.client.get("/v1/jobs").json()["jobs"] == []


def test_half_a_request_after_a_whole_one_is_not_held_either(hurried: Service) -> None:
    with connected(hurried.url) as connection:
        connection.sendall(WHOLE)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(HALF)

        assert b"HTTP/1.1 408" in told(connection)


def test_a_body_with_a_length_and_chunks_cannot_hide_another_request(service: Service) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 45\r\n"
    with connected(service.url) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + WHOLE)

        answer = told(connection)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"send one of them" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_connection_made_in_advance_ends_without_an_answer(hurried: Service) -> None:
    with connected(hurried.url) as connection:
        assert told(connection) == b""


def test_a_stream_outlives_the_time_for_a_request(hurried: Service) -> None:
    job = hurried.client.post("/v1/jobs", json={}).json()["id"]
    with hurried.client.stream("GET", f"/v1/jobs/{job}/events") as answer:
        heard = events(answer.iter_lines())
        assert next(heard).kind == "job"
        time.sleep(1.2)

        hurried.archive.act(job, Action.CANCEL)

        assert [one.kind for one in heard] == ["job", "end"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="limits the descriptors of a process by a shell")
def test_a_connection_too_many_is_refused_and_nothing_floods_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *SERVE, "--no-runner", *kept_in(tmp_path)]
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink) as process,
    ):
        try:
            assert process.stdout is not None
            url = httpx.URL(_url(process.stdout.readline()))
            eventually(lambda: answers(str(url)))
            with ExitStack() as held:
                many = [held.enter_context(connected(str(url))) for _ in range(180)]
                refused = told(many[-1])
                assert refused.startswith(b"HTTP/1.1 503")
                assert b"100 connections" in refused
                many[0].sendall(WHOLE)
                assert many[0].recv(65536).startswith(b"HTTP/1.1 200"), "one that was accepted works"
            eventually(lambda: answers(str(url)))
        finally:
            process.kill()
    assert len(log.read_text().splitlines()) < 5


def _url(line: bytes) -> str:
    return line.decode().split('"')[3]


def test_a_failure_to_accept_is_logged_once_and_others_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(QuietErrors())
        for _ in range(2000):
            trouble = OSError(24, "Too many open files")
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": trouble})
        loop.call_exception_handler({"message": "something else"})

    completed(fail())

    assert [one.getMessage().partition(":")[0] for one in caplog.records] == [
        "connections cannot be accepted",
        "something else",
    ]
