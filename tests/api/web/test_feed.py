"""The feed of one process: no event is lost on the way to a stream, and many come in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from api.web.feed import Feed
from api.web.schemas.events import Told
from search.archive import Archive
from search.archive.values import JobState
from tests.api.dashboard.hand import Hand
from tests.own_loop import completed
from tests.processes import eventually

GENOME = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    archive = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    archive.migrate()
    yield Hand(archive, "followed")
    archive.close()


async def _heard(feed: Feed, job: str, meanwhile: Callable[[], Any]) -> list[Told]:
    """Follow a job from its beginning, and let something happen after the first event."""
    heard: list[Told] = []
    async for told in feed.follow(job, 0):
        if not heard:
            heard += told
            await asyncio.to_thread(meanwhile)
        else:
            heard += told
    return heard


def test_a_reader_too_slow_for_the_feed_misses_nothing(
    hand: Hand, asked: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.web.feed.MOST_WAITING", 3)
    monkeypatch.setattr("api.web.feed.POLL_SECONDS", 0.01)

    def much() -> None:
        for _ in range(10):
            hand.archive.set_reference(hand.claim, {"bits_per_byte": 8.0})
        hand.add(GENOME, 3.0)
        hand.archive.finish(hand.claim, JobState.SUCCEEDED)
        polled = asked.count(None)
        eventually(lambda: asked.count(None) > polled + 2)  # the feed is past all of them

    heard = completed(_heard(Feed(hand.archive), hand.id, much))

    stored = [one.seq for one in hand.archive.events(hand.id)]
    assert len(stored) > 6
    assert [one.seq for one in heard] == [*stored, stored[-1]]
    assert [one.kind for one in heard].index("end") == len(stored)


def test_streams_outlive_a_database_that_is_away_for_a_while(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.web.feed.POLL_SECONDS", 0.01)
    monkeypatch.setattr("api.web.feed.AWAY_SECONDS", 0.01)
    read, failures = hand.archive.events, iter(range(5))
    away = False

    def sometimes(*args: Any, **options: Any) -> Any:
        if away and next(failures, None) is not None:
            raise OperationalError("SELECT", {}, Exception("the server closed the connection"))
        return read(*args, **options)

    def outage() -> None:
        nonlocal away
        away = True
        eventually(lambda: next(failures, None) is None)
        hand.archive.finish(hand.claim, JobState.CANCELLED)

    monkeypatch.setattr(hand.archive, "events", sometimes)
    heard = completed(_heard(Feed(hand.archive), hand.id, outage))

    assert [one.kind for one in heard][-2:] == ["job", "end"]
    assert len([one for one in caplog.records if "does not answer" in one.message]) <= 1


def test_events_of_one_moment_are_one_piece(hand: Hand) -> None:
    async def pieces() -> list[int]:
        return [len(told) async for told in Feed(hand.archive).follow(hand.id, 0)]

    hand.add(GENOME, 3.0)
    hand.archive.finish(hand.claim, JobState.SUCCEEDED)

    assert completed(pieces()) == [len(hand.archive.events(hand.id)), 1]
