"""The keys that a database holds."""

from __future__ import annotations

import hmac
import time

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import OperationalError

from search.archive.custody.keys import ApiKey, Scope, id_and_hash, new_text
from search.archive.errors import NotFoundError
from search.archive.schema.engine import now
from search.archive.schema.record import table_of
from search.archive.schema.row_values import utc, utc_or_none
from search.archive.schema.service_tables import ApiKeyRecord
from search.archive.schema.tables import JobRecord
from search.archive.transactions import Transactions
from search.archive.values import TERMINAL

KEYLESS_SECONDS = 1.0
"""How long it is remembered that there is no key, so that an open service does not ask before every answer."""

USE_SECONDS = 60
"""The last use of a key is written at most this often, so that a reader hardly ever writes."""


_ANY = select(table_of(ApiKeyRecord).c.id).limit(1)  # made once, as every request to an open service runs it


class Keyring(Transactions):
    """Creates, finds and revokes keys."""

    _keyless_until = 0.0

    def create_key(
        self, name: str, scope: Scope, *, seconds: float | None = None, jobs: int | None = None, rate: int | None = None
    ) -> tuple[ApiKey, str]:
        """Create a key, and return it with its text, which is stored nowhere.

        Args:
            seconds: time until it expires; None for never.
            jobs: searches submitted with it that may be unfinished at once; None for any number.
            rate: requests a minute; None for the rate of the service.
        """
        self._keyless_until = 0.0
        text = new_text()
        id_, digest = id_and_hash(text) or ("", "")
        with self._writing.begin() as session:
            values = {"id": id_, "name": name, "scope": scope, "digest": digest, "jobs": jobs, "rate": rate}
            session.execute(
                insert(ApiKeyRecord).values(
                    **values, created_at=now(), expires_at=None if seconds is None else now() + seconds
                )
            )
            return _value(session.get_one(ApiKeyRecord, id_)), text

    def api_keys(self) -> list[ApiKey]:
        """Return all keys, oldest first, with those that are expired or revoked."""
        with self._reading() as session:
            rows = session.scalars(select(ApiKeyRecord).order_by(ApiKeyRecord.created_at, ApiKeyRecord.id))
            return [_value(row) for row in rows]

    def has_keys(self) -> bool:
        """Return whether a key was ever created; revoking the last one does not open a service."""
        with self._looking() as session:
            known = session.scalar(_ANY) is not None
        self._keyless_until = 0.0 if known else time.monotonic() + KEYLESS_SECONDS
        return known

    def keyless(self) -> bool:
        """Return whether `has_keys` lately found no key, without asking the database.

        A first key that another process creates is therefore needed a second later.
        """
        return time.monotonic() < self._keyless_until

    def key_of(self, text: str) -> ApiKey | None:
        """Return the key with this text, or None if there is none, or it has expired or was revoked."""
        parts = id_and_hash(text)
        if parts is None:
            return None
        k = ApiKeyRecord
        with self._reading() as session:
            row = session.get(k, parts[0])
            at = session.scalar(select(now())) or 0.0
            known = row.digest if row else ""
            if not hmac.compare_digest(known, parts[1]) or row is None:
                return None
            if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
                return None
            found = _value(row)
            used = row.used_at is not None and row.used_at > at - USE_SECONDS
        if not used:
            self._write_use(found.id)
        return found

    def revoke_key(self, id_: str) -> ApiKey:
        """Revoke a key for good. A key that was revoked before keeps its time.

        Raises:
            NotFoundError: there is no such key.
        """
        k = ApiKeyRecord
        with self._writing.begin() as session:
            row = session.get(k, id_)
            if row is None:
                raise NotFoundError(f"there is no key {id_!r}")
            session.execute(update(k).where(k.id == id_, k.revoked_at.is_(None)).values(revoked_at=now()))
            session.refresh(row)
            return _value(row)

    def unfinished_jobs(self, id_: str) -> int:
        """Return the number of searches submitted with a key that have not ended."""
        query = select(func.count()).where(JobRecord.key == id_, JobRecord.state.not_in(TERMINAL))
        with self._reading() as session:
            return session.scalar(query) or 0

    def _write_use(self, id_: str) -> None:
        try:
            with self._writing.begin() as session:
                session.execute(update(ApiKeyRecord).where(ApiKeyRecord.id == id_).values(used_at=now()))
        except OperationalError:
            return  # a database that is busy with a search is not worth a failed request; the next use is written


def _value(row: ApiKeyRecord) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        jobs=row.jobs,
        rate=row.rate,
        created_at=utc(row.created_at),
        expires_at=utc_or_none(row.expires_at),
        used_at=utc_or_none(row.used_at),
        revoked_at=utc_or_none(row.revoked_at),
    )
