"""The outbox: messages to webhooks, written in the transaction that a message tells of, and sent afterwards."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from search.archive.schema.engine import now
from search.archive.schema.row_values import utc, utc_or_none
from search.archive.schema.service_tables import DeliveryRecord, WebhookRecord
from search.archive.schema.tables import JobRecord
from search.archive.transactions import Transactions

KEPT_SECONDS = 30 * 86_400.0
"""Seconds for which a message that was delivered or given up stays in the outbox."""

LONGEST_ANSWER = 300
PUT_OFF = "put_off"


class DeliveryState(StrEnum):
    """The state of a message. One that is given up is not sent again."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Delivery:
    """A message for one attempt at sending it.

    Attributes:
        id: the same for every attempt, so that a receiver knows a message that it has.
        attempts: number of this attempt, from 1.
        body: JSON.
    """

    seq: int
    id: str
    attempts: int
    url: str
    secret: str
    body: str


def post(session: Session, row: JobRecord, what: str) -> None:
    """Put a message about a job into the outbox for each webhook.

    Args:
        what: the terminal state of the job, or `PUT_OFF`, of which those webhooks hear that ask for this number of
            faults.
    """
    w = WebhookRecord
    wanted = (w.put_off_after == row.faults,) if what == PUT_OFF else ()
    to = session.scalars(select(w.id).where(*wanted)).all()
    if to:
        message = {"kind": f"job.{what}", "job_id": row.id, "body": _body(session, row, f"job.{what}")}
        times = {"created_at": now(), "next_at": now()}
        rows = [{"id": f"msg_{secrets.token_hex(12)}", "webhook_id": one} for one in to]
        for one in rows:
            session.execute(insert(DeliveryRecord).values(**one, **message, **times, state=DeliveryState.PENDING))


def _body(session: Session, row: JobRecord, kind: str) -> str:
    at = session.scalar(select(now())) or 0.0
    finished = utc_or_none(row.finished_at)
    data = {name: getattr(row, name) for name in ("id", "name", "state", "why", "done", "failed", "faults")}
    data |= {"candidates_total": row.total, "frontier_size": row.frontier_size, "hypervolume": row.hypervolume}
    data |= {"created_at": utc(row.created_at).isoformat(), "finished_at": finished and finished.isoformat()}
    return json.dumps({"type": kind, "timestamp": utc(at).isoformat(), "data": data}, separators=(",", ":"))


class Outbox(Transactions):
    """Hands messages to senders, and records what became of them."""

    def claim_delivery(self, seconds: float) -> Delivery | None:
        """Claim the message that is due longest, or return None.

        It is due again after so many seconds, in which the sender must record what became of it.
        """
        d, w = DeliveryRecord, WebhookRecord
        with self._reading() as session:
            if session.scalar(select(d.seq).where(_due()).limit(1)) is None:
                return None  # without a transaction that writes
        with self._writing.begin() as session:
            next_one = select(d.seq).where(_due()).order_by(d.next_at, d.seq).limit(1)
            changed = (
                update(d)
                .where(d.seq == next_one.with_for_update(skip_locked=True).scalar_subquery())
                .values(attempts=d.attempts + 1, next_at=now() + seconds)
                .returning(d.seq, d.id, d.attempts, d.webhook_id, d.body)
            )
            row = session.execute(changed).one_or_none()
            if row is None:
                return None
            to = session.get_one(w, row.webhook_id)
            return Delivery(row.seq, row.id, row.attempts, to.url, to.secret, row.body)

    def record_delivery(self, delivery: Delivery, delivered: bool, answer: str, pause: float | None) -> None:
        """Record an attempt, unless another sender has repeated it meanwhile; and forget messages of a month ago.

        After a failure all messages to the same webhook wait, so that a receiver that is away holds up no other.

        Args:
            answer: what the receiver said, for people to read.
            pause: seconds after which it is sent again if it failed; None if that was the last attempt.
        """
        d = DeliveryRecord
        ended = delivered or pause is None
        state = DeliveryState.DELIVERED if delivered else DeliveryState.GIVEN_UP if ended else DeliveryState.PENDING
        values = {"state": state, "answer": answer[:LONGEST_ANSWER]}
        with self._writing.begin() as session:
            own = (d.seq == delivery.seq, d.attempts == delivery.attempts, d.state == DeliveryState.PENDING)
            to = session.scalar(update(d).where(*own).values(**values).returning(d.webhook_id))
            if to is None:
                return
            if not delivered and pause is not None:
                waiting = (d.webhook_id == to, d.state == DeliveryState.PENDING)
                later = now() + pause
                session.execute(update(d).where(d.seq == delivery.seq).values(next_at=later))
                session.execute(update(d).where(*waiting, d.next_at < later).values(next_at=later))
            old = (d.state != DeliveryState.PENDING, d.created_at < now() - KEPT_SECONDS)
            session.execute(delete(d).where(*old))


def _due() -> ColumnElement[bool]:
    return (DeliveryRecord.state == DeliveryState.PENDING) & (DeliveryRecord.next_at <= now())
