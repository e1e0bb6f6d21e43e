"""The life of a job in the database: created, claimed, held, paused, resumed, ended."""

from __future__ import annotations

import hashlib
import json
import uuid

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from search.archive.engine import now
from search.archive.events import announce
from search.archive.tables import CandidateRecord, CheckpointRecord, JobRecord, KeyRecord
from search.archive.values import (
    LEGAL,
    TERMINAL,
    Action,
    CandidateState,
    Claim,
    EventKind,
    IdempotencyError,
    IllegalActionError,
    JobState,
    LeaseLostError,
    NotFoundError,
)
from search.plan import Plan


def create(session: Session, plan: Plan, name: str, key: str | None) -> str:
    """Queue a job and give its id."""
    job_id = uuid.uuid4().hex[:12]
    values = {
        "id": job_id,
        "name": name,
        "state": JobState.QUEUED,
        "plan": plan.model_dump(mode="json"),
        "space": plan.liv_space.to_json(),
        "created_at": now(),
        "total": plan.candidates,
    }
    session.execute(insert(JobRecord).values(**values))
    if key is not None:
        session.execute(insert(KeyRecord).values(key=key, fingerprint=_fingerprint(plan, name), job_id=job_id))
    announce(session, job_id, EventKind.JOB, {"state": JobState.QUEUED, "why": ""})
    return job_id


def job_of_key(session: Session, plan: Plan, name: str, key: str | None) -> str | None:
    """The job an idempotency key stands for already.

    Raises:
        IdempotencyError: it stands for another plan or name.
    """
    record = session.get(KeyRecord, key) if key is not None else None
    if record is None:
        return None
    if record.fingerprint != _fingerprint(plan, name):
        raise IdempotencyError(f"idempotency key {key!r} was used before for a different plan or name")
    return record.job_id


def act(session: Session, job_id: str, action: Action) -> None:
    """Pause, resume or cancel; the runner that holds the job learns of it by its next heartbeat."""
    row = locked(session, job_id)
    state = JobState(row.state)
    if state not in LEGAL[action]:
        legal = [a.value for a in Action if state in LEGAL[a]]
        raise IllegalActionError(
            f"cannot {action.value} a job that is {state.value}; legal: {', '.join(legal) or 'none'}"
        )
    alive = session.scalar(select(JobRecord.lease_until > now()).where(JobRecord.seq == row.seq))
    if action is Action.PAUSE and state is not JobState.PAUSED:
        _become(session, row, JobState.PAUSED)
    elif action is Action.RESUME and state is JobState.PAUSED:
        _become(session, row, JobState.RUNNING if alive else JobState.QUEUED)
    elif action is Action.CANCEL and state is not JobState.CANCELLED:
        _become(session, row, JobState.CANCELLED)


def claim(session: Session, runner: str, lease_seconds: float) -> Claim | None:
    """Take the oldest job that is queued or whose runner has fallen silent, in one statement."""
    free = or_(
        JobRecord.state == JobState.QUEUED,
        (JobRecord.state == JobState.RUNNING) & or_(JobRecord.lease_until.is_(None), JobRecord.lease_until <= now()),
    )
    oldest = select(JobRecord.seq).where(free).order_by(JobRecord.seq).limit(1).with_for_update(skip_locked=True)
    row = session.scalar(
        update(JobRecord)
        .where(JobRecord.seq == oldest.scalar_subquery())
        .values(
            state=JobState.RUNNING,
            why="",
            attempt=JobRecord.attempt + 1,
            runner=runner,
            lease_until=now() + lease_seconds,
            started_at=func.coalesce(JobRecord.started_at, now()),
        )
        .returning(JobRecord)
    )
    if row is None:
        return None
    checkpoint = session.get(CheckpointRecord, row.id)
    taken = Claim(
        job_id=row.id,
        attempt=row.attempt,
        runner=runner,
        lease_seconds=lease_seconds,
        plan=row.plan,
        space=row.space,
        evolution=checkpoint.evolution if checkpoint else None,
        reference=row.reference,
    )
    announce(session, row.id, EventKind.JOB, {"state": JobState.RUNNING, "why": "", "attempt": row.attempt})
    return taken


def heartbeat(session: Session, claim: Claim) -> JobState:
    """Extend the lease and learn what became of the job meanwhile."""
    state = session.scalar(
        update(JobRecord)
        .where(JobRecord.id == claim.job_id, JobRecord.attempt == claim.attempt, JobRecord.lease_until.is_not(None))
        .values(lease_until=now() + claim.lease_seconds)
        .returning(JobRecord.state)
    )
    if state is None or state == JobState.QUEUED:
        raise LeaseLostError(f"job {claim.job_id} is no longer held by {claim.runner}")
    return JobState(state)


def release(session: Session, claim: Claim) -> bool:
    """Let go of a paused job; False when it was resumed meanwhile and the runner should go on."""
    row = held(session, claim)
    if row.state != JobState.PAUSED:
        return False
    row.lease_until = None
    return True


def finish(session: Session, claim: Claim, state: JobState, why: str) -> None:
    """End a job; one that was cancelled meanwhile stays so."""
    row = held(session, claim, ended=True)
    if JobState(row.state) not in TERMINAL:
        _become(session, row, state, why)
    row.lease_until = None


def held(session: Session, claim: Claim, *, ended: bool = False) -> JobRecord:
    """The job's row, locked, once it is sure that the claim still holds.

    Raises:
        LeaseLostError: a later claim has the job, or (unless `ended` may be) it has ended.
    """
    row = locked(session, claim.job_id)
    if row.attempt != claim.attempt or row.lease_until is None:
        raise LeaseLostError(f"job {claim.job_id} is no longer held by {claim.runner}")
    if not ended and JobState(row.state) in TERMINAL:
        raise LeaseLostError(f"job {claim.job_id} has ended: {row.state}")
    return row


def locked(session: Session, job_id: str) -> JobRecord:
    """The job's row, locked for this transaction.

    Raises:
        NotFoundError: there is no such job.
    """
    row = session.scalar(select(JobRecord).where(JobRecord.id == job_id).with_for_update())
    if row is None:
        raise NotFoundError(f"there is no job {job_id!r}")
    return row


def _become(session: Session, row: JobRecord, state: JobState, why: str = "") -> None:
    row.state, row.why = state, why
    if state in TERMINAL:
        row.finished_at = session.scalar(select(now()))
        cut_short = session.execute(
            update(CandidateRecord)
            .where(CandidateRecord.job_id == row.id, CandidateRecord.state == CandidateState.RUNNING)
            .values(state=CandidateState.CANCELLED, finished_at=row.finished_at)
            .returning(CandidateRecord.number)
        ).all()
        row.cancelled += len(cut_short)
        session.execute(delete(CheckpointRecord).where(CheckpointRecord.job_id == row.id))
    session.flush()
    announce(session, row.id, EventKind.JOB, {"state": state, "why": why})


def _fingerprint(plan: Plan, name: str) -> str:
    body = json.dumps([plan.model_dump(mode="json"), name], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
