"""The tables of a service beside its searches: API keys and runners. Times are seconds since 1970-01-01T00:00Z."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from search.archive.schema.record import Record


class ApiKeyRecord(Record):
    """An API key; of its secret only a hash. `jobs.key` names the key that submitted a job."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str]
    scope: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    jobs: Mapped[int | None]
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
