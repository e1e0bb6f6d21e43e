"""Writing events in an order that a follower can rely on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from search.archive.engine import EVENT_LOCK, now
from search.archive.tables import EventRecord
from search.archive.values import EventKind


def announce(session: Session, job_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Write an event as the last statement of a transaction.

    PostgreSQL assigns `seq` before the transaction becomes visible, so without the lock a follower that has read
    event 8 could miss an event 7 that commits later.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    session.execute(insert(EventRecord).values(job_id=job_id, kind=kind, data=data, at=now()))
