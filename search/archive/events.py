"""What happened, told in an order that a follower can rely on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from search.archive.engine import EVENT_LOCK, now
from search.archive.tables import EventRecord
from search.archive.values import Event, EventKind


def announce(session: Session, job_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Write an event, as the last thing a transaction does.

    PostgreSQL hands out `seq` before the transaction is seen, so without the lock a follower that has
    read event 8 could miss an event 7 that commits later.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    session.execute(insert(EventRecord).values(job_id=job_id, kind=kind, data=data, at=now()))


def events_after(session: Session, job_id: str | None, after: int, limit: int) -> list[Event]:
    """Up to `limit` events of one job, or of all, that follow event `after`, oldest first."""
    query = select(EventRecord).where(EventRecord.seq > after).order_by(EventRecord.seq).limit(limit)
    if job_id is not None:
        query = query.where(EventRecord.job_id == job_id)
    return [
        Event(row.seq, row.job_id, EventKind(row.kind), row.data, datetime.fromtimestamp(row.at, UTC))
        for row in session.scalars(query)
    ]
