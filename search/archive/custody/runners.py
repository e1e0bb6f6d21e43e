"""Which runners live: each writes now and then that it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from search.archive.schema.engine import now
from search.archive.schema.row_values import utc
from search.archive.schema.service_tables import RunnerRecord
from search.archive.schema.tables import JobRecord
from search.archive.transactions import Transactions

ALIVE_SECONDS = 20.0
"""Seconds after its last sign of life for which a runner counts as alive."""

FORGOTTEN_SECONDS = 86_400.0
"""Seconds after which a runner that died without a word is forgotten."""


@dataclass(frozen=True)
class LiveRunner:
    """A runner that gave a sign of life lately.

    Attributes:
        name: its host and process.
        workers: candidates that it trains at once.
        version: the version of STAR that it runs.
        jobs: the ids of the jobs that it holds.
    """

    name: str
    workers: int
    version: str
    started_at: datetime
    seen_at: datetime
    jobs: list[str]


class Runners(Transactions):
    """Signs of life of runners."""

    def report_runner(self, name: str, workers: int, version: str) -> None:
        """Write that a runner lives, and forget those that have not for a day."""
        r = RunnerRecord
        with self._writing.begin() as session:
            session.execute(delete(r).where(r.seen_at < now() - FORGOTTEN_SECONDS))
            known = session.execute(update(r).where(r.name == name).values(seen_at=now(), workers=workers))
            if known.rowcount == 0:  # type: ignore[attr-defined]
                values = {"name": name, "workers": workers, "version": version, "started_at": now(), "seen_at": now()}
                session.execute(insert(r).values(**values))

    def dismiss_runner(self, name: str) -> None:
        """Forget a runner that ends."""
        with self._writing.begin() as session:
            session.execute(delete(RunnerRecord).where(RunnerRecord.name == name))

    def runners(self) -> list[LiveRunner]:
        """Return the runners that live, by name."""
        r, j = RunnerRecord, JobRecord
        with self._reading() as session:
            rows = session.scalars(select(r).where(r.seen_at > now() - ALIVE_SECONDS).order_by(r.name)).all()
            held = session.execute(select(j.runner, j.id).where(j.lease_until > now()).order_by(j.seq)).all()
        return [
            LiveRunner(
                name=row.name,
                workers=row.workers,
                version=row.version,
                started_at=utc(row.started_at),
                seen_at=utc(row.seen_at),
                jobs=[job_id for runner, job_id in held if runner == row.name],
            )
            for row in rows
        ]
