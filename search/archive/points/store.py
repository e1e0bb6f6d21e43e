"""The points of the jobs that were asked for last, of which only the changes are read, written and compressed again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from zlib import crc32

from search.archive.archive import Archive
from search.archive.points.columns import PointColumns
from search.archive.points.compression import IDENTITY, Gzip
from search.archive.points.reads import POINT_COLUMNS

MOST_JOBS = 16
MOST_BYTES = 512 * 2**20
"""Bounds of what a process keeps, by estimate. A larger job is answered and not kept."""

OF_VALUES = 3
"""Bytes in memory for each byte of JSON, its text included. A guess: one server grew by 191 MB for 26 MB."""

FORM = f"{crc32(','.join(POINT_COLUMNS).encode()):08x}"
"""What the tags of answers begin with, so that other columns are another answer."""


@dataclass(frozen=True)
class PointsAnswer:
    """The points of a job as JSON in an encoding, and the tag of this answer.

    Attributes:
        parts: the body, in parts that later answers share as far as they are the same; None for a reader that has it.
    """

    tag: str
    parts: list[bytes] | None


class PointStore:
    """The points of jobs in this process. Any number of threads may ask.

    Args:
        archive: the archive that is read.
        jobs: jobs that are kept at most; the one that was not asked for the longest leaves.
        size: bytes that are kept at most, by estimate.
    """

    def __init__(self, archive: Archive, jobs: int = MOST_JOBS, size: int = MOST_BYTES) -> None:
        self._archive, self._jobs, self._size = archive, jobs, size
        self._kept: OrderedDict[str, _JobPoints] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def answer(self, job_id: str, encoding: str, known: str = "") -> PointsAnswer:
        """Return the points of a job as they are now.

        Args:
            encoding: `gzip` or `identity`.
            known: the tags of the answers that the reader has, as in If-None-Match.

        Raises:
            NotFoundError: there is no such job.
        """
        if known:
            tag = _tag(self._archive.last_event_of(job_id), encoding)
            if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
                return PointsAnswer(tag, None)
        with self._lock:
            points = self._kept.setdefault(job_id, _JobPoints(job_id))
            self._kept.move_to_end(job_id)
        try:
            return points.answer(self._archive, encoding)
        except BaseException:
            with self._lock:
                self._kept.pop(job_id, None)
            raise
        finally:
            self._bound()

    def _bound(self) -> None:
        with self._lock:
            while self._kept and (
                len(self._kept) > self._jobs or sum(one.size for one in self._kept.values()) > self._size
            ):
                self._kept.popitem(last=False)


class _JobPoints:
    """The points of one job, its last event that they reflect, and the compressed answer since the last change."""

    def __init__(self, job_id: str) -> None:
        self.size = 0
        self._job_id = job_id
        self._lock = threading.Lock()
        self._columns = PointColumns()
        self._last: int | None = None
        self._gzip = Gzip()
        self._compressed: bytes | None = None

    def answer(self, archive: Archive, encoding: str) -> PointsAnswer:
        """Bring the columns up to date and return them in an encoding."""
        with self._lock:
            self._update(archive)
            return PointsAnswer(_tag(self._last or 0, encoding), self._written(encoding))

    def _update(self, archive: Archive) -> None:
        unsettled = self._columns.unsettled() if self._last is not None else []
        found = archive.point_rows(self._job_id, self._last, unsettled)
        if found.last_event == self._last:
            return
        if found.whole:
            self._columns = PointColumns()
        for row, metrics in found.rows:
            self._columns.put(row, metrics)
        self._last = found.last_event
        self._compressed = None

    def _written(self, encoding: str) -> list[bytes]:
        if encoding != IDENTITY and self._compressed is not None:
            return [self._compressed]
        parts = self._columns.json()
        found = parts
        if encoding != IDENTITY:
            self._compressed = self._gzip.compress(parts)
            found = [self._compressed]
        self.size = OF_VALUES * sum(map(len, parts)) + self._gzip.size + len(self._compressed or b"")
        return found


def _tag(last_event: int, encoding: str) -> str:
    return f'"{FORM}-{last_event}-{encoding}"'
