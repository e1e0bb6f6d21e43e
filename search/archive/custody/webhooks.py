"""Webhooks: the addresses that hear of the ends of searches."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from search.archive.custody.outbox import DeliveryState
from search.archive.errors import NotFoundError
from search.archive.schema.engine import now
from search.archive.schema.row_values import utc, utc_or_none
from search.archive.schema.service_tables import DeliveryRecord, WebhookRecord
from search.archive.transactions import Transactions

SHOWN = 100
"""Messages of a webhook that are shown, the latest."""


@dataclass(frozen=True)
class Webhook:
    """An address that hears of the ends of searches.

    Attributes:
        put_off_after: number of times in a row that a job must be put off until the address hears of it; None: never.
    """

    id: str
    url: str
    put_off_after: int | None
    created_at: datetime


@dataclass(frozen=True)
class Message:
    """A message and what became of it so far.

    Attributes:
        type: `job.succeeded`, `job.failed`, `job.cancelled` or `job.put_off`.
        answer: what the receiver answered to the latest attempt, in words; empty before the first.
        next_at: time of the next attempt; None if there will be none.
    """

    id: str
    type: str
    job_id: str
    state: DeliveryState
    attempts: int
    answer: str
    created_at: datetime
    next_at: datetime | None


class Webhooks(Transactions):
    """Creates, lists and deletes webhooks."""

    def create_webhook(self, url: str, secret: str, put_off_after: int | None = None) -> Webhook:
        """Create a webhook. Its secret signs its messages, so it is stored as it is."""
        id_ = secrets.token_hex(6)
        values = {"id": id_, "url": url, "secret": secret, "put_off_after": put_off_after}
        with self._writing.begin() as session:
            session.execute(insert(WebhookRecord).values(**values, created_at=now()))
            return _value(session.get_one(WebhookRecord, id_))

    def webhooks(self) -> list[Webhook]:
        """Return all webhooks, oldest first."""
        w = WebhookRecord
        with self._reading() as session:
            return [_value(row) for row in session.scalars(select(w).order_by(w.created_at, w.id))]

    def delete_webhook(self, id_: str) -> None:
        """Delete a webhook with its messages.

        Raises:
            NotFoundError: there is no such webhook.
        """
        with self._writing.begin() as session:
            session.execute(delete(DeliveryRecord).where(DeliveryRecord.webhook_id == id_))
            gone = session.scalar(delete(WebhookRecord).where(WebhookRecord.id == id_).returning(WebhookRecord.id))
        if gone is None:
            raise NotFoundError(f"there is no webhook {id_!r}")

    def messages(self, id_: str) -> list[Message]:
        """Return the latest messages of a webhook, the newest first.

        Raises:
            NotFoundError: there is no such webhook.
        """
        d = DeliveryRecord
        with self._reading() as session:
            if session.get(WebhookRecord, id_) is None:
                raise NotFoundError(f"there is no webhook {id_!r}")
            rows = session.scalars(select(d).where(d.webhook_id == id_).order_by(d.seq.desc()).limit(SHOWN))
            return [_message(row) for row in rows]


def _value(row: WebhookRecord) -> Webhook:
    return Webhook(id=row.id, url=row.url, put_off_after=row.put_off_after, created_at=utc(row.created_at))


def _message(row: DeliveryRecord) -> Message:
    pending = row.state == DeliveryState.PENDING
    return Message(
        id=row.id,
        type=row.kind,
        job_id=row.job_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        answer=row.answer,
        created_at=utc(row.created_at),
        next_at=utc_or_none(row.next_at if pending else None),
    )
