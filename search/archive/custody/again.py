"""Failed candidates that somebody asks a search to train again."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from search.archive.errors import IllegalActionError, NotFoundError
from search.archive.job_writes import locked
from search.archive.schema.tables import CandidateRecord, InjectionRecord, JobRecord, TrainingRecord
from search.archive.transactions import Transactions, announce
from search.archive.values import TERMINAL, CandidateState, EventKind, JobState
from search.origin import Purpose


class Again(Transactions):
    """Asking for further trainings of failed candidates, and reading what was asked for."""

    def ask_again(self, job_id: str, number: int) -> None:
        """Ask a search to train a failed candidate again, with another seed. A repeat before that changes nothing.

        Raises:
            NotFoundError: there is no such job or candidate.
            IllegalActionError: the job has ended, or the candidate has not failed.
        """
        with self._writing.begin() as session:
            job = locked(session, job_id)
            candidate = session.get(CandidateRecord, (job_id, number))
            if candidate is None:
                raise NotFoundError(f"there is no candidate {number} in job {job_id}")
            if JobState(job.state) in TERMINAL:
                raise IllegalActionError(f"a job that is {job.state} trains nothing again; it must not have ended")
            if candidate.state != CandidateState.FAILED:
                raise IllegalActionError(f"candidate {number} is {candidate.state}; only a failed one is trained again")
            candidate.again = True

    def asked_again(self, job_id: str) -> list[tuple[int, int]]:
        """Return the candidates that wait to be trained again, each with the number of times that it was already."""
        c, t = CandidateRecord, TrainingRecord
        times = select(func.count()).where(t.job_id == c.job_id, t.number == c.number, t.purpose == Purpose.RETRY)
        query = select(c.number, times.scalar_subquery()).where(c.job_id == job_id, text("candidates.again"))
        with self._reading() as session:
            return [(number, count) for number, count in session.execute(query.order_by(c.number))]


def awaited(session: Session, job_id: str) -> bool:
    """Return whether a job has a genome that waits to be injected, or a candidate that waits to be trained again."""
    i, c = InjectionRecord, CandidateRecord
    injected = select(i.seq).where(i.job_id == job_id, i.number.is_(None)).limit(1)
    again = select(c.number).where(c.job_id == job_id, text("candidates.again")).limit(1)
    return any(session.scalar(query) is not None for query in (injected, again))


def reopen(session: Session, job: JobRecord, candidate: CandidateRecord) -> None:
    """Put a failed candidate under way again, whose next outcome counts as its first one."""
    candidate.again = False
    candidate.state, candidate.failure, candidate.detail = CandidateState.RUNNING, None, ""
    job.done -= 1
    job.failed -= 1
    shown = {name: getattr(candidate, name) for name in ("number", "state", "failure")}
    announce(session, job.id, EventKind.CANDIDATE, {**shown, "done": job.done})
