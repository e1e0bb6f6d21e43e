"""A thread of the server that thins the events of jobs that have ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.web.problems import reason
from search.archive import Archive
from search.archive.schema.engine import UNAVAILABLE

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0

PAUSE_SECONDS = 0.05
"""Seconds between two short transactions, in which other processes may write."""


@contextmanager
def thinning(archive: Archive, kept_hours: float) -> Iterator[None]:
    """Thin events at once and every few minutes while the block runs.

    Args:
        kept_hours: hours after the end of a job during which all of its events are kept.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(archive, 3600 * kept_hours, stop), name="thinning", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _work(archive: Archive, kept_seconds: float, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            for job_id in archive.thinnable(kept_seconds):
                while not stop.wait(PAUSE_SECONDS) and archive.thin(job_id):
                    pass
        except UNAVAILABLE as error:
            log.warning("events were not thinned, because the database did not answer: %s", reason(error))
        stop.wait(INTERVAL_SECONDS)
