"""Keeping order among jobs: their names and tags, and deleting them for good."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, select

from search.archive.errors import IllegalActionError
from search.archive.job_writes import joined, locked
from search.archive.queries import find_job
from search.archive.schema.engine import now
from search.archive.schema.tables import (
    CandidateRecord,
    CheckpointRecord,
    EventRecord,
    HistoryRecord,
    InjectionRecord,
    JobRecord,
    KeyRecord,
    TrainingRecord,
)
from search.archive.transactions import Transactions, announce
from search.archive.values import TERMINAL, EventKind, Job, JobState

BATCH = 2_000
"""Rows that one transaction deletes, so that a runner of another job never waits long."""

ROWS: tuple[tuple[Any, Any], ...] = (
    (TrainingRecord, TrainingRecord.number),
    (CandidateRecord, CandidateRecord.number),
    (HistoryRecord, HistoryRecord.outcome),
    (EventRecord, EventRecord.seq),
    (InjectionRecord, InjectionRecord.seq),
    (CheckpointRecord, CheckpointRecord.job_id),
    (KeyRecord, KeyRecord.key),
)
"""What refers to a job, in an order that keeps foreign keys, and the column by which each is deleted in batches."""


class Keeping(Transactions):
    """Names, tags and deletes jobs."""

    def change_job(self, job_id: str, *, name: str | None = None, tags: Collection[str] | None = None) -> Job:
        """Give a job another name or other tags; None leaves what there is.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._writing.begin() as session:
            row = locked(session, job_id)
            row.name = row.name if name is None else name
            row.tags = row.tags if tags is None else joined(tags)
            session.flush()
            announce(session, job_id, EventKind.JOB, {"state": row.state, "why": row.why, "name": row.name})
            return find_job(session, job_id)

    def ended_before(self, seconds: float) -> list[str]:
        """Return the ids of the jobs that ended more than so many seconds ago, oldest first."""
        j = JobRecord
        old = (j.state.in_(TERMINAL), j.finished_at < now() - seconds)
        with self._reading() as session:
            return list(session.scalars(select(j.id).where(*old).order_by(j.seq)))

    def condemn_job(self, job_id: str) -> None:
        """Make sure that a job has ended and is not resumed, before anything of it is deleted.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: it has not ended.
        """
        with self._writing.begin() as session:
            row = locked(session, job_id)
            if JobState(row.state) not in TERMINAL:
                raise IllegalActionError(f"cannot delete a job that is {row.state}; cancel it first")
            row.state = JobState.CANCELLED

    def delete_job(self, job_id: str) -> None:
        """Delete all rows of a condemned job, the job last: a repeat after an interruption deletes the rest.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: it has not ended.
        """
        self.condemn_job(job_id)
        for table, column in ROWS:
            while self._delete_some(table, column, job_id):
                pass
        with self._writing.begin() as session:
            session.execute(delete(JobRecord).where(JobRecord.id == job_id))

    def _delete_some(self, table: Any, column: Any, job_id: str) -> bool:
        """Delete the rows of a job up to the last one of a batch, and return whether there were any."""
        own = table.job_id == job_id
        with self._writing.begin() as session:
            last = session.scalars(select(column).where(own).order_by(column).limit(BATCH)).all()
            if not last:
                return False
            session.execute(delete(table).where(own, column <= last[-1]))
            return True
