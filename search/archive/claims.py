"""Claiming a job, keeping the claim and giving it up: the writes by which runners share the jobs."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from search.archive.custody import outbox
from search.archive.custody.again import awaited
from search.archive.errors import LeaseLostError
from search.archive.job_writes import change_state, locked
from search.archive.runner_values import Claim, Lease
from search.archive.schema.engine import now
from search.archive.schema.tables import CheckpointRecord, JobRecord
from search.archive.training_rows import let_go
from search.archive.transactions import Transactions, announce
from search.archive.values import TERMINAL, EventKind, JobState

LONGEST_PAUSE = 3600.0
"""Seconds that a job is put off at most."""


class Claims(Transactions):
    """The writes of a runner that concern the job it holds."""

    def claim(self, runner: str, lease_seconds: float) -> Claim | None:
        """Claim the job that waits longest of those that are queued or whose lease has run out, or return None.

        It waits since its submission or since the end of its last turn. A job that was put off is left out until its
        pause is over. The row is found and changed in one statement, so two runners never claim the same job.

        Args:
            runner: a name for people to read.
            lease_seconds: time after the last heartbeat at which another runner may claim the job.
        """
        with self._writing.begin() as session:
            since = func.coalesce(JobRecord.retry_at, JobRecord.created_at)
            oldest = select(JobRecord.seq).where(free()).order_by(since, JobRecord.seq).limit(1)
            row = session.scalar(
                update(JobRecord)
                .where(JobRecord.seq == oldest.with_for_update(skip_locked=True).scalar_subquery())
                .values(
                    state=JobState.RUNNING,
                    why="",
                    retry_at=None,
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
            claim = Claim(
                job_id=row.id,
                attempt=row.attempt,
                runner=runner,
                lease_seconds=lease_seconds,
                plan=row.plan,
                space=row.space,
                evolution=checkpoint.evolution if checkpoint else None,
                reference=row.reference,
                priority=row.priority,
                age=session.scalar(select(now() - JobRecord.started_at).where(JobRecord.seq == row.seq)) or 0.0,
            )
            announce(session, row.id, EventKind.JOB, {"state": JobState.RUNNING, "why": "", "attempt": row.attempt})
            return claim

    def heartbeat(self, claim: Claim) -> JobState:
        """Extend the lease and return the job's state, which tells the runner whether to go on.

        Raises:
            LeaseLostError: the claim no longer holds.
        """
        own = (JobRecord.id == claim.job_id, JobRecord.attempt == claim.attempt, JobRecord.lease_until.is_not(None))
        extended = {"lease_until": now() + claim.lease_seconds}
        with self._writing.begin() as session:
            state = session.scalar(update(JobRecord).where(*own).values(**extended).returning(JobRecord.state))
            if state is None or state == JobState.QUEUED:
                raise _lost(claim)
            return JobState(state)

    def release(self, claim: Claim) -> bool:
        """Give up the claim on a paused job.

        Returns:
            False when the job was resumed meanwhile; then the claim still holds and the runner goes on.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            row = held(session, claim)
            if row.state != JobState.PAUSED:
                return False
            row.lease_until = None
            let_go(session, row)
            return True

    def hand_back(self, claim: Claim) -> None:
        """Give up the claim on a running job, so that another runner can claim it at once.

        Its trainings under way are begun again; this attempt does not count as lost.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            row = held(session, claim)
            row.lease_until = None
            let_go(session, row)

    def pass_on(self, claim: Claim) -> None:
        """Give up the claim on a running job with nothing under way, and queue it behind those that wait.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            row = held(session, claim)
            row.lease_until = None
            let_go(session, row)
            if row.state == JobState.RUNNING:
                row.retry_at = session.scalar(select(now()))
                change_state(session, row, JobState.QUEUED, "another search has its turn")

    def put_off(self, claim: Claim, why: str, pause: Callable[[int], float], errors: int | None = None) -> None:
        """Give up the claim and queue the job again, to be claimed after a pause; a paused job stays paused.

        Its trainings under way are begun again; this attempt does not count as lost.

        Args:
            why: what the job lacks, for people to read.
            pause: returns the seconds of the pause from the number of times that it was put off since its last outcome.
            errors: number of times in a row that an error of the program may put it off, the next of which fails it;
                None if the cause lies outside of the program.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            row = held(session, claim)
            row.lease_until = None
            row.faults += 1
            row.errors += errors is not None
            let_go(session, row)
            if errors is not None and row.errors > errors:
                change_state(session, row, JobState.FAILED, why)
                return
            row.retry_at = (session.scalar(select(now())) or 0.0) + min(pause(row.faults), LONGEST_PAUSE)
            change_state(session, row, JobState.PAUSED if row.state == JobState.PAUSED else JobState.QUEUED, why)
            outbox.post(session, row, outbox.PUT_OFF)

    def finish(self, claim: Claim, state: JobState, why: str = "") -> bool:
        """End a job and give up the claim. Running candidates become cancelled; a cancelled job stays cancelled.

        Args:
            state: a terminal state.
            why: the reason, for people to read.

        Returns:
            False when it should succeed and somebody asked for further trainings; then the claim still holds.

        Raises:
            LeaseLostError: the claim no longer holds.
        """
        with self._writing.begin() as session:
            row = held(session, claim, ended=True)
            if JobState(row.state) not in TERMINAL:
                if state is JobState.SUCCEEDED and awaited(session, row.id):
                    return False
                change_state(session, row, state, why)
            row.lease_until = None
            return True

    def end_lease(self, lease: Lease) -> bool:
        """End a lease now, so that another runner can claim the job, and return whether it was still the same."""
        j = JobRecord
        same = (j.id == lease.job_id, j.attempt == lease.attempt, j.lease_until == lease.until)
        with self._writing.begin() as session:
            ended = update(j).where(*same).values(lease_until=now()).returning(j.seq)
            return session.scalar(ended) is not None


def held(session: Session, claim: Claim, *, ended: bool = False) -> JobRecord:
    """Return the row of the claimed job, locked until the transaction ends.

    Args:
        ended: whether a job in a terminal state is accepted.

    Raises:
        LeaseLostError: the claim no longer holds, or the job has ended.
    """
    row = locked(session, claim.job_id)
    if row.attempt != claim.attempt or row.lease_until is None:
        raise _lost(claim)
    if not ended and JobState(row.state) in TERMINAL:
        raise LeaseLostError(f"job {claim.job_id} has ended: {row.state}")
    return row


def free() -> ColumnElement[bool]:
    """Select jobs that are queued and not put off, or running without a live lease."""
    expired = or_(JobRecord.lease_until.is_(None), JobRecord.lease_until <= now())
    ends = (JobRecord.retry_at <= now(), JobRecord.retry_at > now() + LONGEST_PAUSE)  # the clock may have gone back
    due = or_(JobRecord.retry_at.is_(None), *ends)
    return or_((JobRecord.state == JobState.QUEUED) & due, (JobRecord.state == JobState.RUNNING) & expired)


def _lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(f"job {claim.job_id} is no longer held by {claim.runner}")
