"""The archive: every job and candidate there ever was. The only file that opens a database session.

Each method is one transaction. Writers on SQLite begin immediately and wait for each other; readers
use an engine that cannot write. What a runner writes is fenced twice: by the job's attempt (who holds
the job) and by the candidate's attempt (which evaluation of it counts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from evaluator.evaluation import Evaluation
from search.archive import candidate_writes as recording
from search.archive import engine as database
from search.archive import events
from search.archive import job_writes as lifecycle
from search.archive import queries as reading
from search.archive.paging import Page
from search.archive.values import Action, Candidate, CandidateState, Claim, Event, Job, JobState
from search.objectives import Standing
from search.plan import Plan

if TYPE_CHECKING:
    from search.evolve import Proposal


class Archive:
    """A database of searches.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        ValueError: the URL names neither.
    """

    def __init__(self, url: str) -> None:
        parsed = database.database_url(url)
        self._writer = database.open_engine(parsed, writes=True)
        self._reader = database.open_engine(parsed, writes=False)
        self._writing = sessionmaker(self._writer)
        self._reading = sessionmaker(self._reader)

    def migrate(self) -> None:
        """Bring the tables up to date; any number of processes may do so at once."""
        database.migrate(self._writer)

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()

    # What people ask for

    def create_job(self, plan: Plan, name: str, idempotency_key: str | None = None) -> Job:
        """Queue a search. A key used before gives the job it made then.

        Raises:
            IdempotencyError: the key was used for another plan or name.
        """
        try:
            with self._writing.begin() as session:
                job_id = lifecycle.job_of_key(session, plan, name, idempotency_key)
                return _read(session, job_id or lifecycle.create(session, plan, name, idempotency_key))
        except IntegrityError:
            # The same key at the same moment: the other request was first.
            with self._writing.begin() as session:
                job_id = lifecycle.job_of_key(session, plan, name, idempotency_key)
                if job_id is None:
                    raise
                return _read(session, job_id)

    def act(self, job_id: str, action: Action) -> Job:
        """Pause, resume or cancel a job; again does nothing.

        Raises:
            NotFoundError: there is no such job.
            IllegalActionError: its state does not allow it; the message names the legal actions.
        """
        with self._writing.begin() as session:
            lifecycle.act(session, job_id, action)
            return _read(session, job_id)

    # What runners do

    def claim(self, runner: str, lease_seconds: float) -> Claim | None:
        """Take the oldest job that is queued or whose runner's lease ran out; None when there is none."""
        with self._writing.begin() as session:
            return lifecycle.claim(session, runner, lease_seconds)

    def heartbeat(self, claim: Claim) -> JobState:
        """Extend the lease; the state tells whether to go on.

        Raises:
            LeaseLostError: somebody else has the job.
        """
        with self._writing.begin() as session:
            return lifecycle.heartbeat(session, claim)

    def set_reference(self, claim: Claim, reference: dict[str, float]) -> None:
        """Fix the hypervolume reference of a job for good.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
        """
        with self._writing.begin() as session:
            lifecycle.held(session, claim).reference = reference

    def propose(self, claim: Claim, proposal: Proposal, state: dict[str, Any]) -> int:
        """Record a candidate about to be evaluated, and the evolution's state after it; gives its number.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
        """
        with self._writing.begin() as session:
            return recording.propose(session, claim, proposal, state)

    def retry(self, claim: Claim, number: int) -> int:
        """The next attempt at a candidate whose runner died with it.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
            NotFoundError: the candidate is not under way.
        """
        with self._writing.begin() as session:
            return recording.retry(session, claim, number)

    def record(
        self,
        claim: Claim,
        evaluation: Evaluation,
        *,
        feasible: bool,
        standing: Standing,
        state: dict[str, Any],
        weights: bool = False,
        seal: Callable[[], None] = lambda: None,
    ) -> bool:
        """Record an outcome, the frontier after it, and the evolution's state after it, all or nothing.

        Args:
            feasible: whether it keeps the plan's constraints.
            standing: the frontier once this candidate has tried for it.
            weights: whether its weights are kept.
            seal: called last before the commit, while nobody else can take the job.

        Returns:
            False, and nothing is recorded, when the evaluation's attempt is not the one under way.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
        """
        with self._writing.begin() as session:
            return recording.record(session, claim, evaluation, feasible, standing, state, weights, seal)

    def release(self, claim: Claim) -> bool:
        """Let go of a paused job. False when it was resumed meanwhile: go on, it is still held.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
        """
        with self._writing.begin() as session:
            return lifecycle.release(session, claim)

    def hand_back(self, claim: Claim) -> None:
        """Let another runner take the job at once.

        Raises:
            LeaseLostError: somebody else has the job, or it has ended.
        """
        with self._writing.begin() as session:
            lifecycle.held(session, claim).lease_until = None

    def finish(self, claim: Claim, state: JobState, why: str = "") -> None:
        """End a job; candidates still under way count as cancelled. One cancelled meanwhile stays so.

        Raises:
            LeaseLostError: somebody else has the job.
        """
        with self._writing.begin() as session:
            lifecycle.finish(session, claim, state, why)

    # What everybody reads

    def jobs(self, page_size: int = 50, page_token: str | None = None) -> Page[Job]:
        """Jobs, newest first.

        Raises:
            ValueError: page_size is not positive or page_token is not one of ours.
        """
        with self._reading() as session:
            return reading.jobs(session, page_size, page_token)

    def job(self, job_id: str) -> Job:
        """One job. Raises NotFoundError."""
        with self._reading() as session:
            return reading.job(session, job_id)

    def candidates(
        self,
        job_id: str,
        page_size: int = 50,
        page_token: str | None = None,
        state: CandidateState | None = None,
    ) -> Page[Candidate]:
        """Candidates by number, of one state when it is given.

        Raises:
            NotFoundError: there is no such job.
            ValueError: page_size is not positive or page_token is not one of this listing's.
        """
        with self._reading() as session:
            return reading.candidates(session, job_id, page_size, page_token, state)

    def candidate(self, job_id: str, number: int) -> Candidate:
        """One candidate with its training curve. Raises NotFoundError."""
        with self._reading() as session:
            return reading.candidate(session, job_id, number)

    def frontier(self, job_id: str) -> list[Candidate]:
        """The candidates that no feasible other beats, by number. Raises NotFoundError."""
        with self._reading() as session:
            return reading.frontier(session, job_id)

    def children(self, job_id: str, number: int) -> list[Candidate]:
        """The candidates made from this one, by number. Raises NotFoundError."""
        with self._reading() as session:
            return reading.children(session, job_id, number)

    def in_flight(self, job_id: str) -> list[Candidate]:
        """The candidates begun and without an outcome, by number."""
        with self._reading() as session:
            return reading.in_flight(session, job_id)

    def digests(self, job_id: str) -> list[str]:
        """The digest of every candidate."""
        with self._reading() as session:
            return reading.digests(session, job_id)

    def with_weights(self, job_id: str) -> set[int]:
        """Numbers of the candidates whose weights are kept."""
        with self._reading() as session:
            return reading.with_weights(session, job_id)

    def history(self, job_id: str) -> dict[str, list[Any]]:
        """How the frontier grew: a list for each of done, hypervolume, frontier_size and at. Raises NotFoundError."""
        with self._reading() as session:
            return reading.history(session, job_id)

    def points(self, job_id: str) -> dict[str, Any]:
        """Every candidate in columns: number, state, frontier, feasible, baseline, genome, failure; metrics by name.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._reading() as session:
            return reading.points(session, job_id)

    def events(self, job_id: str | None = None, after: int = 0, limit: int = 500) -> list[Event]:
        """What happened after event `after` in one job or in all, oldest first."""
        with self._reading() as session:
            return events.events_after(session, job_id, after, limit)


def _read(session: Session, job_id: str) -> Job:
    session.flush()
    return reading.job(session, job_id)
