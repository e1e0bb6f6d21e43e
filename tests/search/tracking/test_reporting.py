"""Reports reach every tracker in order, and a tracker that fails, hangs or is away disturbs nobody."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from search.tracking import Outcome, Reporting, Run
from search.tracking.reporting import MOST_WAITING
from tests.search.tracking.told import Told

RUN = Run("one", "search", "", {"width": 16})
OUTCOME = Outcome(1, "1.1.1.1.1", 0, 100, "search", {"parameters": 2.0})


def fails(methods: list[str], reason: str = "refused") -> Told:
    """A tracker that raises in some methods; the list may change meanwhile."""

    def before(method: str) -> None:
        if method in methods:
            raise ConnectionError(reason)

    return Told(before)


def test_every_tracker_hears_everything_in_order() -> None:
    one, other = Told(), Told()
    reporting = Reporting([one, other])
    reporting.begin(RUN)
    reporting.outcome(OUTCOME)
    reporting.progress(3, {"hypervolume": 0.5})
    reporting.export("model", "file:///model")
    reporting.end("succeeded")
    reporting.close()
    expected = [
        ("begin", RUN),
        ("outcome", OUTCOME),
        ("progress", 3, {"hypervolume": 0.5}),
        ("export", "model", "file:///model"),
        ("end", "succeeded"),
    ]
    assert one.reports == other.reports == expected


def test_a_tracker_that_fails_keeps_nothing_from_the_others_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, whole = fails(["outcome"]), Told()
    reporting = Reporting([broken, whole])
    reporting.begin(RUN)
    for _ in range(5):
        reporting.outcome(OUTCOME)
    reporting.close()
    assert broken.of("outcome") == []
    assert len(whole.of("outcome")) == 5
    (line,) = [one.getMessage() for one in caplog.records]
    assert "the tracker told does not take reports: ConnectionError: refused" in line


def test_a_run_that_could_not_begin_begins_with_a_later_report(caplog: pytest.LogCaptureFixture) -> None:
    failing = ["begin"]
    told = fails(failing)
    reporting = Reporting([told])
    reporting.begin(RUN)
    reporting.outcome(OUTCOME)
    deadline = time.monotonic() + 10
    while len(caplog.records) < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    failing.clear()
    reporting.progress(1, {"hypervolume": 0.1})
    reporting.close()
    assert [name for name, *_ in told.reports] == ["begin", "progress"]
    assert "is over after 2 tries" in caplog.records[-1].getMessage()


def test_the_end_of_a_run_that_never_began_is_no_report() -> None:
    told = fails(["begin"])
    reporting = Reporting([told])
    reporting.begin(RUN)
    reporting.end("succeeded")
    reporting.close()
    assert told.reports == []


def test_a_tracker_that_hangs_delays_nobody_and_loses_what_is_too_much(caplog: pytest.LogCaptureFixture) -> None:
    free = threading.Event()
    slow, quick = Told(lambda method: free.wait(30)), Told()
    caplog.set_level(logging.WARNING)
    reporting = Reporting([slow, quick])
    began = time.monotonic()
    reporting.begin(RUN)
    for step in range(MOST_WAITING + 10):
        reporting.progress(step, {})
    assert time.monotonic() - began < 20  # far below the time for which the tracker hangs
    assert "the tracker told is too slow: further reports are lost" in [one.getMessage() for one in caplog.records]
    free.set()
    reporting.close()
    assert 0 < len(slow.of("progress")) <= MOST_WAITING


def test_closing_waits_no_longer_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    free = threading.Event()
    slow = Told(lambda method: free.wait(30))
    reporting = Reporting([slow])
    reporting.begin(RUN)
    reporting.close(0.05)
    assert slow.reports == []
    assert "did not take its last reports in time" in caplog.records[-1].getMessage()
    free.set()


def test_without_trackers_nothing_happens() -> None:
    reporting = Reporting()
    reporting.begin(RUN)
    reporting.end("failed")
    reporting.close()
    assert not reporting
