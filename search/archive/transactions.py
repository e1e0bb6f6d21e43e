"""The two engines of an archive, the sessions opened on them, and the events that end a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session, sessionmaker

from search.archive.schema.engine import EVENT_LOCK, database_url, migrate, now, open_engine, schemas
from search.archive.schema.tables import EventRecord
from search.archive.values import EventKind


class Transactions:
    """Opens the transactions in which the parts of an archive read and write.

    `with self._writing.begin() as session` commits at the end of the block and rolls back when the block raises.
    `with self._reading() as session` cannot write.
    """

    def __init__(self, url: str) -> None:
        parsed = database_url(url)
        self._writer = open_engine(parsed, writes=True)
        self._reader = open_engine(parsed, writes=False)
        self._writing = sessionmaker(self._writer)
        self._reading = sessionmaker(self._reader)

    def migrate(self) -> None:
        """Bring the tables up to date. Any number of processes may call this at the same time.

        Raises:
            SchemaError: the database has a schema of a later version, and was not changed.
        """
        migrate(self._writer)

    def schema(self) -> tuple[str | None, str]:
        """Return the schema of the database, None if it has no tables, and the newest one that this version knows."""
        return schemas(self._reader)

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()


def announce(session: Session, job_id: str, kind: EventKind, data: dict[str, Any]) -> None:
    """Write an event as the last statement of a transaction.

    PostgreSQL assigns `seq` before the transaction becomes visible, so without the lock a follower that has read
    event 8 could miss an event 7 that commits later.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": EVENT_LOCK})
    session.execute(insert(EventRecord).values(job_id=job_id, kind=kind, data=data, at=now()))
