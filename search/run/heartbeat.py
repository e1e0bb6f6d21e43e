"""A thread that keeps a claim alive while its runner trains."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from search.archive import Archive
from search.archive.runner_values import Claim
from search.archive.schema.engine import UNAVAILABLE
from search.archive.values import JobState


class Heartbeat:
    """Extends the lease of a claim every `seconds` while the context is entered, however long an evaluation takes.

    An exception in the thread is raised by the next read of `state`, but a database that is away is only waited for.
    """

    def __init__(self, archive: Archive, claim: Claim, seconds: float) -> None:
        self._archive = archive
        self._claim = claim
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {claim.job_id}", daemon=True)
        self._state = JobState.RUNNING
        self._error: Exception | None = None

    @property
    def state(self) -> JobState:
        """The job's state at the latest heartbeat.

        Raises:
            LeaseLostError: the claim no longer holds.
        """
        if self._error is not None:
            raise self._error
        return self._state

    def refresh(self) -> JobState:
        """Send a heartbeat now and return the job's state."""
        self._state = self._archive.heartbeat(self._claim)
        return self._state

    def __enter__(self) -> Self:
        self.refresh()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.refresh()
            except UNAVAILABLE:
                continue
            except Exception as error:  # raised again in the thread that reads `state`
                self._error = error
                return
