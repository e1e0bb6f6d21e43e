"""Reading the candidates of a job as points: all of them, or those that changed since an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Text, bindparam, cast, func, select
from sqlalchemy.orm import Session

from search.archive.queries import require_job
from search.archive.schema.record import table_of
from search.archive.schema.tables import CandidateRecord, EventRecord
from search.archive.transactions import Transactions
from search.archive.values import EventKind

POINT_COLUMNS = (
    "number",
    "state",
    "frontier",
    "feasible",
    "baseline",
    "variation",
    "genome",
    "failure",
    "tokens",
    "seeds",
    "outcome",
)
"""The columns of a candidate that its point has, beside its metrics."""

MOST_CHANGES = 5_000
"""Events after which, and candidates above which, all candidates are read instead of those that changed."""


@dataclass(frozen=True)
class PointRows:
    """Candidates in order of number: values of `POINT_COLUMNS`, and metrics by name.

    Attributes:
        last_event: the last event of the job, which the rows reflect.
        whole: whether these are all candidates of the job.
    """

    last_event: int
    whole: bool
    rows: list[tuple[tuple[Any, ...], dict[str, Any]]]


class PointReads(Transactions):
    """The reads of points. Every change of a candidate comes with an event, or with the event of its job's state."""

    def last_event_of(self, job_id: str) -> int:
        """Return the number of the last event of a job.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._reading() as session:
            require_job(session, job_id)
            return _last(session, job_id)

    def point_rows(self, job_id: str, since: int | None = None, unsettled: Sequence[int] = ()) -> PointRows:
        """Return all candidates, or those that changed since an event, as they were at one moment.

        Args:
            since: the last event that the reader has seen; None reads all candidates.
            unsettled: the numbers of the candidates that were running or cancelled then, which change with the state
                of the job.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._reading() as session:
            if session.get_bind().dialect.name == "postgresql":  # SQLite's transactions see one moment anyway
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            require_job(session, job_id)
            last = _last(session, job_id)
            if since == last:
                return PointRows(last, False, [])
            changed = None if since is None else _changed(session, job_id, since, unsettled)
            return PointRows(last, changed is None, _rows(session, job_id, changed))


_EVENTS = table_of(EventRecord).c
_LAST = select(func.max(_EVENTS.seq)).where(_EVENTS.job_id == bindparam("job_id"))


def _last(session: Session, job_id: str) -> int:
    return session.scalar(_LAST, {"job_id": job_id}) or 0


def _changed(session: Session, job_id: str, since: int, unsettled: Iterable[int]) -> set[int] | None:
    """Return the numbers of the candidates that may have changed since an event; None if all have to be read."""
    e = EventRecord
    query = select(e.kind, e.data).where(e.job_id == job_id, e.seq > since).order_by(e.seq).limit(MOST_CHANGES)
    events = session.execute(query).all()
    if not events or len(events) == MOST_CHANGES:
        return None
    changed: set[int] = set()
    for kind, data in events:
        if kind == EventKind.THINNED:
            return None
        if kind == EventKind.JOB:
            changed.update(unsettled)
        elif kind == EventKind.FRONTIER:
            changed.update(data["entered"], data["left"])
        else:
            changed.add(data["number"])
    return changed if len(changed) <= MOST_CHANGES else None


def _rows(session: Session, job_id: str, numbers: set[int] | None) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    c = CandidateRecord
    columns = [getattr(c, name) for name in POINT_COLUMNS]
    query = select(*columns, cast(c.metrics, Text)).where(c.job_id == job_id).order_by(c.number)
    if numbers is not None:
        query = query.where(c.number.in_(sorted(numbers)))
    found = session.execute(query).all()
    metrics = orjson.loads(f"[{','.join(row[-1] for row in found)}]")  # one document takes less time than many
    return [(tuple(row[:-1]), values) for row, values in zip(found, metrics, strict=True)]
