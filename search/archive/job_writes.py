"""Creating jobs and changing their state, as people ask for it; and the locked row that every write of a job uses."""

from __future__ import annotations

import hashlib
import json
import uuid

from sqlalchemy import delete, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from search.archive.errors import IdempotencyError, IllegalActionError, NotFoundError
from search.archive.queries import find_job
from search.archive.schema.engine import now
from search.archive.schema.tables import CandidateRecord, CheckpointRecord, JobRecord, KeyRecord, TrainingRecord
from search.archive.transactions import Transactions, announce
from search.archive.values import LEGAL, TERMINAL, Action, CandidateState, EventKind, Job, JobState
from search.plan import Plan


class JobWrites(Transactions):
    """The writes that people ask for."""

    def create_job(self, plan: Plan, name: str, idempotency_key: str | None = None) -> Job:
        """Queue a search. A key that was used before returns the job it created then.

        Raises:
            IdempotencyError: the key was used before for another plan or name.
        """
        try:
            with self._writing.begin() as session:
                job_id = _job_of_key(session, plan, name, idempotency_key)
                return find_job(session, job_id or _insert_job(session, plan, name, idempotency_key))
        except IntegrityError:
            # Another request with the same key was committed between the look-up and the insert.
            with self._writing.begin() as session:
                job_id = _job_of_key(session, plan, name, idempotency_key)
                if job_id is None:
                    raise
                return find_job(session, job_id)

    def act(self, job_id: str, action: Action) -> Job:
        """Pause, resume or cancel a job. An action that would change nothing does nothing.

        The runner that holds the job reads the new state at its next heartbeat.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: the job's state does not allow the action; the message names the legal actions.
        """
        with self._writing.begin() as session:
            row = locked(session, job_id)
            _require_legal(action, JobState(row.state))
            alive = session.scalar(select(JobRecord.lease_until > now()).where(JobRecord.seq == row.seq))
            resumed = JobState.RUNNING if alive else JobState.QUEUED
            if action is Action.PAUSE and row.state != JobState.PAUSED:
                change_state(session, row, JobState.PAUSED)
            elif action is Action.RESUME and row.state == JobState.PAUSED:
                change_state(session, row, resumed)
            elif action is Action.CANCEL and row.state != JobState.CANCELLED:
                change_state(session, row, JobState.CANCELLED)
            session.flush()
            return find_job(session, job_id)


def locked(session: Session, job_id: str) -> JobRecord:
    """Return the row of a job, locked until the transaction ends.

    Raises:
        NotFoundError: there is no such job.
    """
    row = session.scalar(select(JobRecord).where(JobRecord.id == job_id).with_for_update())
    if row is None:
        raise NotFoundError(f"there is no job {job_id!r}")
    return row


def change_state(session: Session, row: JobRecord, state: JobState, why: str = "") -> None:
    """Change a job's state and announce it. A terminal state cancels the running candidates of the job."""
    row.state, row.why = state, why
    if state in TERMINAL:
        row.finished_at = session.scalar(select(now()))
        _cancel_running(session, row)
        session.execute(delete(CheckpointRecord).where(CheckpointRecord.job_id == row.id))
    session.flush()
    announce(session, row.id, EventKind.JOB, {"state": state, "why": why})


def _cancel_running(session: Session, row: JobRecord) -> None:
    """Cancel what is under way, and give up every checkpoint, from which nothing goes on any more."""
    ended = {"state": CandidateState.CANCELLED, "finished_at": row.finished_at}
    for table in (TrainingRecord, CandidateRecord):
        of_job = (table.job_id == row.id, table.state == CandidateState.RUNNING)
        session.execute(update(table).where(*of_job).values(**ended))
    checkpoints = (TrainingRecord.job_id == row.id, TrainingRecord.checkpoint.is_not(None))
    session.execute(update(TrainingRecord).where(*checkpoints).values(checkpoint=null()))
    row.running = 0


def _require_legal(action: Action, state: JobState) -> None:
    if state not in LEGAL[action]:
        legal = ", ".join(a.value for a in Action if state in LEGAL[a]) or "none"
        raise IllegalActionError(f"cannot {action.value} a job that is {state.value}; legal: {legal}")


def _insert_job(session: Session, plan: Plan, name: str, key: str | None) -> str:
    """Insert a queued job and return its id."""
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


def _job_of_key(session: Session, plan: Plan, name: str, key: str | None) -> str | None:
    """Return the id of the job that an idempotency key created, or None.

    Raises:
        IdempotencyError: the job has another plan or name.
    """
    record = session.get(KeyRecord, key) if key is not None else None
    if record is None:
        return None
    if record.fingerprint != _fingerprint(plan, name):
        raise IdempotencyError(f"idempotency key {key!r} was used before for a different plan or name")
    return record.job_id


def _fingerprint(plan: Plan, name: str) -> str:
    body = json.dumps([plan.model_dump(mode="json"), name], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()
