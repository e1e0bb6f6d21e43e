"""Reading events, and thinning those of jobs that have ended.

The numbers of events grow in the order in which events become visible, so a reader that has read up to a number misses
nothing after it. Thinning keeps that promise: it removes events of candidates, trainings and frontiers, and turns the
last one that it removes into an event of kind `thinned`, which says what was there. A reader that asks from a number
before it hears of the gap, at the place of the gap; the changes of the job's state stay.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from search.archive.schema.engine import now
from search.archive.schema.row_values import event_value
from search.archive.schema.tables import EventRecord, JobRecord
from search.archive.transactions import Transactions
from search.archive.values import TERMINAL, Event, EventKind

KEPT = (EventKind.JOB, EventKind.THINNED)
"""The kinds of events that are never removed."""


class Events(Transactions):
    """The reads of events, and their thinning."""

    def events(self, job_id: str | None = None, after: int = 0, limit: int = 500) -> list[Event]:
        """Return up to `limit` events of one job, or of all, that follow event `after`, oldest first."""
        query = select(EventRecord).where(EventRecord.seq > after).order_by(EventRecord.seq).limit(limit)
        if job_id is not None:
            query = query.where(EventRecord.job_id == job_id)
        with self._reading() as session:
            return [event_value(row) for row in session.scalars(query)]

    def last_event(self) -> int:
        """Return the number of the last event of all jobs, or 0 before there is one."""
        with self._looking() as session:
            return session.scalar(select(func.max(EventRecord.seq))) or 0

    def thinnable(self, kept_seconds: float) -> list[str]:
        """Return the ids of jobs that ended more than `kept_seconds` ago and have events to remove, oldest first."""
        j, e = JobRecord, EventRecord
        old = (j.state.in_(TERMINAL), j.finished_at < now() - kept_seconds)
        removable = select(e.seq).where(e.job_id == j.id, e.kind.not_in(KEPT)).exists()
        with self._reading() as session:
            return list(session.scalars(select(j.id).where(*old, removable).order_by(j.seq)))

    def thin(self, job_id: str, limit: int = 2000) -> int:
        """Remove the oldest events of a job that has ended, at most `limit`, and return how many were removed.

        The limit keeps the transaction short, so that runners of other jobs do not wait for it.
        """
        e = EventRecord
        removable = (e.job_id == job_id, e.kind.not_in(KEPT))
        with self._writing.begin() as session:
            state = session.scalar(select(JobRecord.state).where(JobRecord.id == job_id).with_for_update())
            if state not in TERMINAL:  # it was resumed meanwhile
                return 0
            seqs = session.scalars(select(e.seq).where(*removable).order_by(e.seq).limit(limit)).all()
            if seqs:
                data = _gap(session, job_id, seqs[0], seqs[-1], len(seqs))
                session.execute(delete(e).where(*removable, e.seq < seqs[-1]))
                session.execute(update(e).where(e.seq == seqs[-1]).values(kind=EventKind.THINNED, data=data))
            return len(seqs)


def _gap(session: Session, job_id: str, first: int, last: int, removed: int) -> dict[str, Any]:
    """Return what a `thinned` event tells, and delete the earlier ones of the job, which it replaces."""
    earlier = (EventRecord.job_id == job_id, EventRecord.kind == EventKind.THINNED, EventRecord.seq < last)
    told = session.scalars(select(EventRecord.data).where(*earlier)).all()
    session.execute(delete(EventRecord).where(*earlier))
    return {
        "first": min([first, *(one["first"] for one in told)]),
        "last": last,
        "removed": removed + sum(one["removed"] for one in told),
    }
