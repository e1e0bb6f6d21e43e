"""The sign of life of a runner, written by a thread of its own so that long work does not silence it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version

from search.archive import Archive
from search.archive.custody.runners import ALIVE_SECONDS
from search.archive.schema.engine import UNAVAILABLE

log = logging.getLogger(__name__)


@contextmanager
def presence(archive: Archive, name: str, workers: int, pause: float = ALIVE_SECONDS / 4) -> Iterator[None]:
    """Write a sign of life now and then inside the context. A database that does not answer hears the next one."""
    gone = threading.Event()

    def report() -> None:
        while not gone.is_set():
            try:
                archive.report_runner(name, workers, version("star-synthesis"))
            except UNAVAILABLE:
                log.info("the database did not hear that this runner lives")
            gone.wait(pause)

    thread = threading.Thread(target=report, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join(pause)
        with suppress(*UNAVAILABLE):
            archive.dismiss_runner(name)
