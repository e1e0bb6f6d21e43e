"""What the database tells about jobs and candidates. Only selects: reading locks nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, Text, cast, func, select, text, union
from sqlalchemy.orm import Session, defer

from search.archive.engine import now
from search.archive.paging import Page, page_key, page_length, page_token
from search.archive.tables import CandidateRecord, HistoryRecord, JobRecord
from search.archive.values import Candidate, CandidateState, Job, JobState, NotFoundError

LISTED = (defer(CandidateRecord.curve, raiseload=True),)
"""Lists leave the curves where they are: they weigh more than all the rest."""


def jobs(session: Session, size: int, token: str | None) -> Page[Job]:
    """Jobs, newest first."""
    size, before = page_length(size), page_key("jobs", token)
    query = _jobs().order_by(JobRecord.seq.desc()).limit(size + 1)
    if before is not None:
        query = query.where(JobRecord.seq < before)
    rows = session.execute(query).all()
    more = page_token("jobs", rows[size - 1][0].seq) if len(rows) > size else None
    return Page([_job(row[0], row[1]) for row in rows[:size]], more)


def job(session: Session, job_id: str) -> Job:
    row = session.execute(_jobs().where(JobRecord.id == job_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no job {job_id!r}")
    return _job(row[0], row[1])


def candidates(
    session: Session, job_id: str, size: int, token: str | None, state: CandidateState | None
) -> Page[Candidate]:
    """Candidates in order of number."""
    _require_job(session, job_id)
    listing = f"candidates/{job_id}/{state or ''}"
    size, after = page_length(size), page_key(listing, token)
    query = _candidates(job_id).where(CandidateRecord.number > (after or 0)).limit(size + 1)
    if state is not None:
        query = query.where(CandidateRecord.state == state)
    rows = session.scalars(query).all()
    more = page_token(listing, rows[size - 1].number) if len(rows) > size else None
    return Page([_listed(row) for row in rows[:size]], more)


def candidate(session: Session, job_id: str, number: int) -> Candidate:
    row = session.get(CandidateRecord, (job_id, number))
    if row is None:
        raise NotFoundError(f"there is no candidate {number} in job {job_id!r}")
    return _candidate(row, row.curve)


def frontier(session: Session, job_id: str) -> list[Candidate]:
    _require_job(session, job_id)
    return [_listed(row) for row in session.scalars(_candidates(job_id).where(CandidateRecord.frontier))]


def in_flight(session: Session, job_id: str) -> list[Candidate]:
    """Candidates begun and without an outcome."""
    # Written out, not bound: a partial index serves only a query whose text implies its condition.
    running = text("state = 'running'")
    return [_listed(row) for row in session.scalars(_candidates(job_id).where(running))]


def children(session: Session, job_id: str, number: int) -> list[Candidate]:
    _require_job(session, job_id)
    numbers = select(CandidateRecord.number).where(CandidateRecord.job_id == job_id)
    # A union, not an `or`: each half is a look-up in its own index.
    found = union(*(numbers.where(parent == number) for parent in (CandidateRecord.mother, CandidateRecord.father)))
    return [_listed(row) for row in session.scalars(_candidates(job_id).where(CandidateRecord.number.in_(found)))]


def with_weights(session: Session, job_id: str) -> set[int]:
    """Numbers of the candidates whose weights are kept."""
    return set(
        session.scalars(select(CandidateRecord.number).where(CandidateRecord.job_id == job_id, CandidateRecord.weights))
    )


def digests(session: Session, job_id: str) -> list[str]:
    return list(session.scalars(select(CandidateRecord.digest).where(CandidateRecord.job_id == job_id)))


def history(session: Session, job_id: str) -> dict[str, list[Any]]:
    """How the frontier grew, a list for each of done, hypervolume, frontier_size and at (ISO 8601)."""
    _require_job(session, job_id)
    h = HistoryRecord
    query = select(h.done, h.hypervolume, h.frontier_size, h.at).where(h.job_id == job_id).order_by(h.done)
    done, hypervolume, size, at = _columns(session.execute(query).all(), 4)
    times = [_required_time(second).isoformat() for second in at]
    return {"done": done, "hypervolume": hypervolume, "frontier_size": size, "at": times}


def points(session: Session, job_id: str) -> dict[str, Any]:
    """All candidates for a scatter: a list for each property and for each metric, with None where it is unknown."""
    _require_job(session, job_id)
    c = CandidateRecord
    names = ("number", "state", "frontier", "feasible", "baseline", "genome", "failure")
    columns = [getattr(c, name) for name in names]
    query = select(*columns, cast(c.metrics, Text)).where(c.job_id == job_id).order_by(c.number)
    *plain, texts = _columns(session.execute(query).all(), len(names) + 1)
    metrics = json.loads(f"[{','.join(texts)}]")
    measured = sorted({name for row in metrics for name in row})
    return {
        **dict(zip(names, plain, strict=True)),
        "metrics": {name: [row.get(name) for row in metrics] for name in measured},
    }


def _columns(rows: Sequence[Any], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _require_job(session: Session, job_id: str) -> None:
    if session.scalar(select(JobRecord.seq).where(JobRecord.id == job_id)) is None:
        raise NotFoundError(f"there is no job {job_id!r}")


def _jobs() -> Select[JobRecord, bool]:
    return select(JobRecord, func.coalesce(JobRecord.lease_until > now(), False))


def _candidates(job_id: str) -> Select[CandidateRecord]:
    return (
        select(CandidateRecord)
        .where(CandidateRecord.job_id == job_id)
        .order_by(CandidateRecord.number)
        .options(*LISTED)
    )


def _job(row: JobRecord, alive: bool) -> Job:
    busy = row.proposed - row.done - row.cancelled if alive else 0
    return Job(
        id=row.id,
        name=row.name,
        state=JobState(row.state),
        plan=row.plan,
        space=row.space,
        created_at=_required_time(row.created_at),
        started_at=_time(row.started_at),
        finished_at=_time(row.finished_at),
        candidates_total=row.total,
        done=row.done,
        failed=row.failed,
        frontier_size=row.frontier_size,
        hypervolume=row.hypervolume,
        reference=row.reference,
        repairs=row.repaired / row.genes if row.genes else 0.0,
        workers_busy=busy,
        seconds_left=_seconds_left(row, busy),
        why=row.why,
    )


def _seconds_left(row: JobRecord, busy: int) -> float | None:
    """What is left at the mean pace so far, shared by those at work; None unless the job moves."""
    if row.state != JobState.RUNNING or row.done == 0 or busy == 0:
        return None
    return (row.total - row.done) * row.seconds / row.done / busy


def _listed(row: CandidateRecord) -> Candidate:
    return _candidate(row, [])


def _candidate(row: CandidateRecord, curve: list[list[float]]) -> Candidate:
    return Candidate(
        job_id=row.job_id,
        number=row.number,
        genome=row.genome,
        digest=row.digest,
        state=CandidateState(row.state),
        attempt=row.attempt,
        parents=[number for number in (row.mother, row.father) if number is not None],
        variation=row.variation,
        baseline=row.baseline,
        metrics=row.metrics,
        curve=curve,
        failure=row.failure,
        detail=row.detail,
        frontier=row.frontier,
        feasible=row.feasible,
        seconds=row.seconds,
        created_at=_required_time(row.created_at),
        finished_at=_time(row.finished_at),
        weights=row.weights,
    )


def _required_time(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _time(second: float | None) -> datetime | None:
    return None if second is None else _required_time(second)
