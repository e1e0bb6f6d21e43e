"""A thread of the server that keeps order: it thins events, and deletes searches that are kept long enough."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.process.settings import Settings
from api.web.exports import Exports
from api.web.problems import reason
from evaluator.artifacts import ArtifactError, Artifacts
from search.archive import Archive
from search.archive.errors import ArchiveError
from search.archive.schema.engine import UNAVAILABLE

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 300.0

PAUSE_SECONDS = 0.05
"""Seconds between two short transactions, in which other processes may write."""

DAY, HOUR = 86_400, 3_600


@contextmanager
def tidying(archive: Archive, settings: Settings) -> Iterator[None]:
    """Keep order at once and every few minutes while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(archive, settings, stop), name="tidying", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def delete_search(archive: Archive, artifacts: Artifacts, exports: Exports, job_id: str) -> None:
    """Delete a search that has ended with everything that belongs to it. A repeat deletes what is left.

    Raises:
        NotFoundError: there is no such job.
        IllegalActionError: it has not ended.
        ArtifactError: the store does not answer; the rows stay.
    """
    artifacts.require_writable()  # first, because a search that stays keeps its state
    archive.condemn_job(job_id)
    for key in artifacts.keys(job_id):
        artifacts.delete(key)
    exports.delete(job_id)
    archive.delete_job(job_id)


def _work(archive: Archive, settings: Settings, stop: threading.Event) -> None:
    tasks: dict[str, Callable[[Archive, Settings, threading.Event], None]] = {
        "events were not thinned": _thin,
        "old searches were not deleted": _delete_old,
        "halves of exports were not deleted": _delete_halves,
    }
    while not stop.is_set():
        for failure, task in tasks.items():
            try:
                task(archive, settings, stop)
            except (*UNAVAILABLE, ArchiveError, ArtifactError, OSError) as error:
                log.warning("%s: %s", failure, reason(error))
        stop.wait(INTERVAL_SECONDS)


def _thin(archive: Archive, settings: Settings, stop: threading.Event) -> None:
    for job_id in archive.thinnable(HOUR * settings.event_hours):
        while not stop.wait(PAUSE_SECONDS) and archive.thin(job_id):
            pass


def _delete_old(archive: Archive, settings: Settings, stop: threading.Event) -> None:
    if settings.keep_days is None:
        return
    artifacts = Artifacts(settings.artifacts)
    for job_id in archive.ended_before(DAY * settings.keep_days):
        if stop.is_set():
            return
        delete_search(archive, artifacts, Exports(settings.exports, artifacts), job_id)
        log.info("search %s is deleted, because it ended more than %g days ago", job_id, settings.keep_days)


def _delete_halves(archive: Archive, settings: Settings, stop: threading.Event) -> None:
    Exports(settings.exports, Artifacts(settings.artifacts)).tidy()
