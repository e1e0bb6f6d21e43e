"""Many event streams: one poller for all of them, a limit on their number, and no event lost on the way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.web.feed import Feed
from search.archive import Archive
from search.archive.values import Action, Event, EventKind
from tests.api.process.test_connections import connected
from tests.api.web.refusal import refused
from tests.api.web.test_events_stream import events
from tests.processes import eventually
from tests.served import Service

GENOME = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"

Start = Callable[[], AbstractContextManager[Service]]


@pytest.mark.slow
def test_idle_streams_share_one_poller_and_all_hear_what_happens(start_service: Start, asked: list[str | None]) -> None:
    with start_service() as service, ExitStack() as open_streams:
        job = service.client.post("/v1/jobs", json={}).json()
        path = f"/v1/jobs/{job['id']}/events?after={job['last_event']}"
        streams = [open_streams.enter_context(httpx.stream("GET", service.url + path)) for _ in range(8)]
        eventually(lambda: asked.count(job["id"]) == len(streams))  # each has looked for what it missed
        polled = len(asked)
        eventually(lambda: len(asked) > polled + 3)
        assert set(asked[polled:]) == {None}

        service.archive.act(job["id"], Action.CANCEL)

        for stream in streams:
            assert [one.kind for one in events(stream.iter_lines())] == ["job", "end"]
        assert asked.count(job["id"]) == len(streams)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the history of every search have no end."""

    def events(self: Archive, job_id: str | None = None, after: int = 0, limit: int = 1) -> list[Event]:
        at, data = datetime.now(UTC), {"text": "x" * 10_000}
        return [Event(after + n, job_id, EventKind.TRAINING, data, at) for n in range(1, limit + 1)] if job_id else []

    monkeypatch.setattr(Archive, "events", events)


@pytest.mark.slow
@pytest.mark.usefixtures("endless")
def test_a_reader_who_leaves_in_the_middle_of_the_history_is_no_error(
    start_service: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with start_service() as service:
        job = service.client.post("/v1/jobs", json={}).json()["id"]
        for _ in range(3):
            with connected(service.url) as connection:
                connection.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert connection.recv(12) == b"HTTP/1.1 200"
                time.sleep(1.0)  # until nothing more fits into the buffers
        eventually(lambda: _streams(service) == 0)

    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


@pytest.mark.slow
def test_many_readers_of_the_history_leave_threads_for_other_requests(
    start_service: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, read = threading.Event(), Archive.events

    def slow(self: Archive, job_id: str | None = None, *args: Any, **options: Any) -> Any:
        if job_id:
            over.wait(60)
        return read(self, job_id, *args, **options)

    monkeypatch.setattr(Archive, "events", slow)
    with start_service() as service, ExitStack() as held:
        job = service.client.post("/v1/jobs", json={}).json()["id"]
        for _ in range(60):  # more than there are threads
            connection = held.enter_context(connected(service.url))
            connection.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        eventually(lambda: _streams(service) == 60)
        try:
            assert service.client.get("/healthz", timeout=10).status_code == 200
        finally:
            over.set()


def _streams(service: Service) -> int:
    feed: Feed = service.server.config.app.state.feed  # type: ignore[union-attr]
    return feed.streams


@pytest.mark.slow
def test_a_stream_too_many_is_refused_until_another_ends(start_service: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAR_STREAMS", "2")
    with start_service() as service, httpx.stream("GET", f"{service.url}/v1/events"):
        with httpx.stream("GET", f"{service.url}/v1/events") as second:
            lines = second.iter_lines()  # httpx closes a stream whose iterator is dropped
            next(lines)
            answer = service.client.get("/v1/events")
            assert "STAR_STREAMS" in refused(answer, 429)["detail"]
            assert int(answer.headers["retry-after"]) > 0
            assert service.client.get("/healthz").status_code == 200

        eventually(lambda: _opens(service.url))


def _opens(url: str) -> bool:
    with httpx.stream("GET", f"{url}/v1/events") as answer:
        return answer.status_code == 200


def test_a_quiet_stream_shows_that_it_lives(start_service: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.web.feed.QUIET_SECONDS", 0.2)
    with start_service() as service:
        job = service.client.post("/v1/jobs", json={}).json()
        path = f"{service.url}/v1/jobs/{job['id']}/events?after={job['last_event']}"
        with httpx.stream("GET", path) as answer:
            lines = [line for line, _ in zip(answer.iter_lines(), range(6), strict=False) if line]

    assert lines == [": following", ": quiet", ": quiet"]
