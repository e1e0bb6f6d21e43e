"""Creating jobs and changing their state, as people ask for it; and the locked row that every write of a job uses."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from genome import Genome, Space, digest
from search.archive.custody import outbox
from search.archive.errors import IllegalActionError, KnownGenomeError, NotFoundError
from search.archive.queries import find_job
from search.archive.schema.engine import now
from search.archive.schema.record import table_of
from search.archive.schema.row_values import injection_value, job_value
from search.archive.schema.tables import CandidateRecord, InjectionRecord, JobRecord
from search.archive.training_rows import cancel_running, revive_cancelled
from search.archive.transactions import Transactions, announce, fingerprint, job_of_key, write_key
from search.archive.values import LEGAL, TERMINAL, Action, EventKind, Injection, Job, JobState
from search.plan import Plan


class JobWrites(Transactions):
    """The writes that people ask for."""

    def create_job(
        self,
        plan: Plan,
        name: str,
        idempotency_key: str | None = None,
        key: str | None = None,
        priority: int = 0,
        tags: Collection[str] = (),
    ) -> Job:
        """Queue a search. An idempotency key that was used before returns the job it created then.

        Args:
            key: id of the API key that submits it, if there is one.
            priority: each step doubles its share of the runners' time.
            tags: words without white space by which people find it.

        Raises:
            IdempotencyError: the key was used before for another request.
        """
        further = [f"priority {priority}"] if priority else []
        given = {"name": name, "key": key, "priority": priority, "tags": joined(tags)}
        if idempotency_key is None:
            with self._writing.begin() as session:
                inserted = _insert_job(session, plan, given)
            return job_value(inserted)  # after the commit, until which no other event can be written
        request = fingerprint(plan, name, *further, *(f"tag {tag}" for tag in sorted(set(tags))))
        try:
            with self._writing.begin() as session:
                job_id = job_of_key(session, idempotency_key, request)
                if job_id is not None:
                    return find_job(session, job_id)
                inserted = _insert_job(session, plan, given)
                write_key(session, idempotency_key, request, inserted["id"])
            return job_value(inserted)
        except IntegrityError:
            # Another request with the same key was committed between the look-up and the insert.
            with self._writing.begin() as session:
                job_id = job_of_key(session, idempotency_key, request)
                if job_id is None:
                    raise
                return find_job(session, job_id)

    def inject(self, job_id: str, genome: Genome, by: str = "", idempotency_key: str | None = None) -> Injection:
        """Ask a search to train a genome, which must be legal in its space, and return the request as it is stored.

        The runner takes it before anything else. A repeat with the same key returns what it returned before.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: the job has ended.
            KnownGenomeError: the job has this architecture; the message names the candidate.
            IdempotencyError: the key was used before for another request.
        """
        request = fingerprint("inject", job_id, str(genome), by)
        try:
            with self._writing.begin() as session:
                return _injected(session, job_id, genome, by, idempotency_key, request)
        except IntegrityError:
            with self._writing.begin() as session:
                return _injected(session, job_id, genome, by, idempotency_key, request)

    def act(self, job_id: str, action: Action) -> Job:
        """Pause, resume or cancel a job. An action that would change nothing does nothing.

        A failed job that is resumed goes on where it was, and a job that was put off does not wait any longer.

        The runner that holds the job reads the new state at its next heartbeat.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: the job's state does not allow the action; the message names the legal actions.
        """
        with self._writing.begin() as session:
            row = locked(session, job_id)
            _require_legal(action, JobState(row.state))
            if action is Action.PAUSE and row.state != JobState.PAUSED:
                change_state(session, row, JobState.PAUSED)
            elif action is Action.RESUME:
                _resume(session, row)
            elif action is Action.CANCEL and row.state != JobState.CANCELLED:
                change_state(session, row, JobState.CANCELLED)
            session.flush()
            return find_job(session, job_id)


def joined(tags: Collection[str]) -> str:
    """Return the text of a set of tags as a row has it."""
    return "".join(f"\n{tag}" for tag in sorted(set(tags))) + ("\n" if tags else "")


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
    """Change a job's state and announce it. A terminal state cancels the running candidates of the job.

    The state of the evolution stays, and so do the checkpoints of a failed job, because it may be resumed.
    """
    row.state, row.why = state, why
    if state in TERMINAL:
        row.finished_at = session.scalar(select(now()))
        cancel_running(session, row, for_good=state is not JobState.FAILED)
        outbox.post(session, row, state)
    session.flush()
    announce(session, row.id, EventKind.JOB, {"state": state, "why": why})


def _resume(session: Session, row: JobRecord) -> None:
    """Let a paused or failed job go on, or one that was put off go on at once."""
    put_off = row.retry_at is not None
    row.retry_at = None
    if row.state == JobState.FAILED:
        row.faults = row.errors = 0
        row.finished_at = None
        revive_cancelled(session, row)
        change_state(session, row, JobState.QUEUED)
    elif row.state == JobState.PAUSED:
        alive = session.scalar(select(JobRecord.lease_until > now()).where(JobRecord.seq == row.seq))
        change_state(session, row, JobState.RUNNING if alive else JobState.QUEUED)
    elif put_off:
        change_state(session, row, JobState(row.state), row.why)


def _require_legal(action: Action, state: JobState) -> None:
    if state not in LEGAL[action]:
        legal = ", ".join(a.value for a in Action if state in LEGAL[a]) or "none"
        raise IllegalActionError(f"cannot {action.value} a job that is {state.value}; legal: {legal}")


_GIVEN = ("plan", "space")
"""Columns that are not read back after an insert, because reading them takes longer than all others."""

_JOB = (
    insert(table_of(JobRecord))
    .values(created_at=now())
    .returning(*(column for column in table_of(JobRecord).columns if column.name not in _GIVEN))
)


def _insert_job(session: Session, plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
    """Insert a queued job with the columns that its submission gives, and return what `job_value` reads."""
    documents = {"plan": plan.model_dump(mode="json"), "space": plan.liv_space.to_json()}
    values = {**given, **documents, "id": uuid.uuid4().hex[:12], "state": JobState.QUEUED, "total": plan.candidates}
    row = session.execute(_JOB, values).mappings().one()
    last = announce(session, row["id"], EventKind.JOB, {"state": JobState.QUEUED, "why": ""})
    return {**row, **documents, "alive": False, "last_event": last}


def _injected(session: Session, job_id: str, genome: Genome, by: str, key: str | None, request: str) -> Injection:
    """Return the injection of a request, stored now or before under the same key."""
    row = locked(session, job_id)
    if job_of_key(session, key, request) is None:
        _insert_injection(session, row, genome, by)
        write_key(session, key, request, job_id)
    i, wanted = InjectionRecord, digest(genome, Space.from_json(row.space))
    return injection_value(session.scalars(select(i).where(i.job_id == job_id, i.digest == wanted)).one())


def _insert_injection(session: Session, row: JobRecord, genome: Genome, by: str) -> None:
    """Insert a genome that waits to be injected.

    Raises:
        IllegalActionError: the job has ended.
        KnownGenomeError: the job has this architecture.
    """
    if JobState(row.state) in TERMINAL:
        raise IllegalActionError(f"cannot inject a genome into a job that is {row.state}; it must not have ended")
    key = digest(genome, Space.from_json(row.space))
    c, i = CandidateRecord, InjectionRecord
    number = session.scalar(select(c.number).where(c.job_id == row.id, c.digest == key))
    if number is not None:
        raise KnownGenomeError(f"candidate {number} of job {row.id} has this architecture")
    if session.scalar(select(i.seq).where(i.job_id == row.id, i.digest == key)) is not None:
        raise KnownGenomeError(f"job {row.id} was asked for this architecture before; it waits for a worker")
    planned = Plan.model_validate(row.plan).named_architectures()
    if key in planned:
        raise KnownGenomeError(f"job {row.id} will train this architecture as {planned[key]} of its plan")
    values = {"job_id": row.id, "genome": str(genome), "digest": key, "by": by}
    session.execute(insert(InjectionRecord).values(**values, created_at=now()))
