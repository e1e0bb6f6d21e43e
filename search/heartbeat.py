"""Signs of life: a thread that keeps a claim alive while its runner trains."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from search.archive import Archive
from search.archive.values import Claim, JobState


class Pulse:
    """Sends a heartbeat every `seconds` while entered, however long an evaluation takes.

    What the archive answers is read from `state`; what goes wrong is raised there.
    """

    def __init__(self, archive: Archive, claim: Claim, seconds: float) -> None:
        self._archive = archive
        self._claim = claim
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse of {claim.job_id}", daemon=True)
        self._state = JobState.RUNNING
        self._error: Exception | None = None

    @property
    def state(self) -> JobState:
        """The job's state by the latest heartbeat.

        Raises:
            LeaseLostError: somebody else has the job.
        """
        if self._error is not None:
            raise self._error
        return self._state

    def refresh(self) -> JobState:
        """The job's state now."""
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
            except Exception as error:  # carried to the thread that reads `state`
                self._error = error
                return
