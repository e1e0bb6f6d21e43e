"""Leases: the heartbeat that keeps one alive while its runner trains, and the vigil that ends those of dead runners."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from search.archive import Archive
from search.archive.runner_values import Claim, Lease
from search.archive.schema.engine import UNAVAILABLE
from search.archive.values import JobState

log = logging.getLogger(__name__)


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


class Vigil:
    """Watches leases that end later than they should, and ends those that nobody extends.

    After the clock of the database went back by an hour, the lease of a dead runner would hold its job for an hour. A
    living runner changes its lease at every heartbeat, so a lease that has not changed for its whole length, by the
    clock of this process, has no runner.

    Args:
        lease_seconds: the length of a lease.
    """

    def __init__(self, archive: Archive, lease_seconds: float) -> None:
        self._archive = archive
        self._lease_seconds = lease_seconds
        self._since: dict[Lease, float] = {}

    def look(self) -> None:
        """Look at the leases once.

        Raises:
            OperationalError: the database does not answer.
        """
        now = time.monotonic()
        found = self._archive.long_leases(self._lease_seconds)
        self._since = {lease: self._since.get(lease, now) for lease in found}
        for lease, since in self._since.items():
            if now - since > self._lease_seconds and self._archive.end_lease(lease):
                log.warning("the lease on job %s is ended: nobody extended it, and the clock went back", lease.job_id)
