"""Ending the leases of dead runners that the clock of the database would keep alive."""

from __future__ import annotations

import logging
import time

from search.archive import Archive
from search.archive.runner_values import Lease

log = logging.getLogger(__name__)


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
