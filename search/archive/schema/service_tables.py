"""The tables of a service beside its searches: API keys, runners and webhooks.

Times are seconds since 1970-01-01T00:00Z.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from search.archive.schema.record import Record, Seq


class ApiKeyRecord(Record):
    """An API key; of its secret only a hash. `jobs.key` names the key that submitted a job."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str]
    scope: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    jobs: Mapped[int | None]
    rate: Mapped[int | None]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class RunnerRecord(Record):
    """A runner, and when it last gave a sign of life."""

    __tablename__ = "runners"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    workers: Mapped[int]
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[float]
    seen_at: Mapped[float]


class WebhookRecord(Record):
    """An address that hears of the ends of jobs, and the secret that signs what it hears."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    url: Mapped[str]
    secret: Mapped[str] = mapped_column(String(64))
    put_off_after: Mapped[int | None]
    created_at: Mapped[float]


class DeliveryRecord(Record):
    """A message to a webhook. `next_at` is the time of its next attempt, or at which a sender's claim on it ends."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("deliveries_due", "state", "next_at"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    webhook_id: Mapped[str] = mapped_column(String(16), ForeignKey("webhooks.id"))
    job_id: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str] = mapped_column(default="")
    next_at: Mapped[float]
    created_at: Mapped[float]
