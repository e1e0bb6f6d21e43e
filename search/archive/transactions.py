"""The two engines of an archive, the sessions on them, the events that end a transaction, and idempotency keys."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from search.archive.errors import IdempotencyError
from search.archive.schema.engine import EVENT_LOCK, database_url, migrate, now, open_engine, schemas
from search.archive.schema.record import table_of
from search.archive.schema.tables import EventRecord, KeyRecord
from search.archive.values import EventKind
from search.plan import Plan

EVENTS = table_of(EventRecord)


class Transactions:
    """Opens the transactions in which the parts of an archive read and write.

    `with self._writing.begin() as session` commits at the end of the block and rolls back when the block raises.
    `with self._reading() as session` cannot write. `with self._looking() as session` is for a single statement, which
    needs no transaction of its own: that saves two of three round trips to PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        parsed = database_url(url)
        self._writer = open_engine(parsed, writes=True)
        self._reader = open_engine(parsed, writes=False)
        self._writing = sessionmaker(self._writer)
        self._reading = sessionmaker(self._reader)
        alone = {} if parsed.get_backend_name() == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._looking = sessionmaker(self._reader.execution_options(**alone))

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


_ROW = {column: bindparam(column, type_=EVENTS.c[column].type) for column in ("job_id", "kind", "data")} | {"at": now()}
_HELD = select(func.pg_advisory_xact_lock(EVENT_LOCK)).cte("held")
_INSERTS = {
    "sqlite": insert(EVENTS).values(_ROW).returning(EVENTS.c.seq),
    "postgresql": insert(EVENTS)
    .from_select(list(_ROW), select(*_ROW.values()).select_from(_HELD))
    .returning(EVENTS.c.seq),
}
"""The insert of an event. On PostgreSQL its row comes after the lock, and its number with the row: one round trip."""


def announce(session: Session, job_id: str, kind: EventKind, data: dict[str, Any]) -> int:
    """Write an event as the last statement of a transaction, and return its number.

    PostgreSQL assigns `seq` before the transaction becomes visible, so without the lock a follower that has read
    event 8 could miss an event 7 that commits later.
    """
    statement = _INSERTS[session.get_bind().dialect.name]
    seq: int = session.execute(statement, {"job_id": job_id, "kind": kind, "data": data}).scalar_one()
    return seq


def job_of_key(session: Session, key: str | None, fingerprint: str) -> str | None:
    """Return the id of the job of an idempotency key, or None.

    Raises:
        IdempotencyError: the key belongs to another request.
    """
    record = session.get(KeyRecord, key) if key is not None else None
    if record is not None and record.fingerprint != fingerprint:
        raise IdempotencyError(f"idempotency key {key!r} was used before for a different request")
    return record.job_id if record else None


def write_key(session: Session, key: str | None, fingerprint: str, job_id: str) -> None:
    """Store an idempotency key with the job of its request; without a key nothing."""
    if key is not None:
        session.execute(insert(KeyRecord).values(key=key, fingerprint=fingerprint, job_id=job_id))


def fingerprint(*request: Plan | str) -> str:
    """Return a hash of a request's parts."""
    parts = [part.model_dump(mode="json") if isinstance(part, Plan) else part for part in request]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
