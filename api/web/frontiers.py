"""The frontiers that were asked for last, as answers that are kept until the next event of their search."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from api.web.schemas import Candidates
from search.archive import Archive

KEPT = 64
"""Searches whose answers are kept."""


class Frontiers:
    """Writes the frontier of a search as JSON once for all who ask. Every change of a candidate comes with an event."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._lock = Lock()

    def answer(self, job_id: str) -> bytes:
        """Return the frontier of a search as the API answers it.

        Raises:
            NotFoundError: there is no such job.
        """
        last = self._archive.last_event_of(job_id)  # before the frontier, which may be newer but not older
        with self._lock:
            known = self._kept.get(job_id)
        if known is None or known[0] != last:
            found = {"candidates": self._archive.frontier(job_id)}
            known = last, Candidates.model_validate(found, from_attributes=True).model_dump_json().encode()
        with self._lock:
            self._kept[job_id] = known
            self._kept.move_to_end(job_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return known[1]
