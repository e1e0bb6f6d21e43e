"""Recording candidates: their proposal, a further attempt, and their outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.orm import Session

from evaluator.evaluation import Evaluation
from search.archive.claims import held
from search.archive.engine import now
from search.archive.errors import NotFoundError
from search.archive.events import announce
from search.archive.tables import CandidateRecord, CheckpointRecord, HistoryRecord, JobRecord
from search.archive.transactions import Transactions
from search.archive.values import CandidateState, Claim, EventKind
from search.objectives import Standing

if TYPE_CHECKING:
    from search.evolve import Proposal


class CandidateWrites(Transactions):
    """The writes of a runner that concern the candidates of the job it holds."""

    def propose(self, claim: Claim, proposal: Proposal, state: dict[str, Any]) -> int:
        """Record a candidate that is about to be evaluated, and return its number.

        Args:
            state: the state of the evolution after the proposal, as JSON.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            IntegrityError: the job has a candidate with this digest already.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            _count_genes(job, proposal)
            mother, father = (*proposal.parents, None, None)[:2]
            shown = {
                "number": job.proposed,
                "state": CandidateState.RUNNING,
                "genome": str(proposal.genome),
                "variation": proposal.variation,
                "baseline": proposal.baseline,
            }
            known = {"metrics": dict(proposal.costs), "choice": choice_of(proposal)}
            hidden = {"job_id": job.id, "digest": proposal.digest, "mother": mother, "father": father}
            session.execute(insert(CandidateRecord).values(**shown, **known, **hidden, created_at=now()))
            _save_checkpoint(session, job, state)
            event = {**shown, **known, "attempt": 1, "parents": list(proposal.parents)}
            announce(session, job.id, EventKind.CANDIDATE, event)
            return job.proposed

    def retry(self, claim: Claim, number: int) -> int:
        """Begin a candidate again whose runner died, and return the number of the new attempt.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            NotFoundError: there is no such candidate, or it has an outcome.
        """
        with self._writing.begin() as session:
            held(session, claim)
            candidate = _candidate(session, claim, number)
            if candidate.state != CandidateState.RUNNING:
                raise NotFoundError(f"candidate {number} of job {claim.job_id} is not under way: {candidate.state}")
            candidate.attempt += 1
            session.flush()
            event = {"number": number, "state": CandidateState.RUNNING, "attempt": candidate.attempt}
            announce(session, claim.job_id, EventKind.CANDIDATE, event)
            return candidate.attempt

    def record(
        self,
        claim: Claim,
        evaluation: Evaluation,
        *,
        feasible: bool,
        standing: Standing,
        state: dict[str, Any],
        weights: bool = False,
        publish: Callable[[], None] = lambda: None,
    ) -> bool:
        """Record an outcome, the frontier after it and the state of the evolution after it.

        Args:
            feasible: whether the candidate satisfies the plan's constraints.
            standing: the frontier after the candidate was compared with it.
            state: the state of the evolution after the outcome, as JSON.
            weights: whether its weights are kept.
            publish: moves the weights to their final place; called last before the commit, while no other runner
                can claim the job. When it raises, nothing is recorded.

        Returns:
            False, and nothing is recorded, when the evaluation belongs to an earlier attempt at the candidate.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            NotFoundError: there is no such candidate.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            candidate = _candidate(session, claim, evaluation.candidate)
            if candidate.state != CandidateState.RUNNING or candidate.attempt != evaluation.attempt:
                return False
            at = session.scalar(select(now())) or 0.0
            _write_outcome(candidate, evaluation, at)
            candidate.feasible, candidate.weights = feasible, weights
            candidate.frontier = candidate.number in standing.entered
            _remove_from_frontier(session, job, standing.left)
            _write_progress(session, job, evaluation, standing, at)
            candidate.outcome = job.done
            _save_checkpoint(session, job, state)
            _announce_outcome(session, job, candidate, standing)
            publish()
            return True


def choice_of(proposal: Proposal) -> dict[str, Any]:
    """Return why a genome was proposed as JSON, without what is not known."""
    return {name: value for name, value in asdict(proposal.choice).items() if value is not None}


def _count_genes(job: JobRecord, proposal: Proposal) -> None:
    job.proposed += 1
    job.genes += proposal.genes
    job.repaired += proposal.repaired
    if proposal.space is not None:
        job.space = proposal.space.to_json()


def _write_outcome(candidate: CandidateRecord, evaluation: Evaluation, at: float) -> None:
    candidate.state = CandidateState.FAILED if evaluation.failure else CandidateState.SUCCEEDED
    candidate.metrics = {**candidate.metrics, **evaluation.metrics}
    candidate.curve = [list(point) for point in evaluation.curve]
    candidate.failure = evaluation.failure
    candidate.detail = evaluation.detail.replace("\0", "")  # PostgreSQL cannot store NUL in text
    candidate.seconds = evaluation.seconds
    candidate.finished_at = at


def _remove_from_frontier(session: Session, job: JobRecord, left: tuple[int, ...]) -> None:
    """Take candidates off the frontier. Among them only baselines keep their weights."""
    if left:
        session.execute(
            update(CandidateRecord)
            .where(CandidateRecord.job_id == job.id, CandidateRecord.number.in_(left))
            .values(frontier=False, weights=and_(CandidateRecord.weights, CandidateRecord.baseline.is_not(None)))
        )


def _write_progress(session: Session, job: JobRecord, evaluation: Evaluation, standing: Standing, at: float) -> None:
    """Update the counts of the job and append a point to its history."""
    job.done += 1
    job.failed += evaluation.failure is not None
    job.seconds += evaluation.seconds
    job.frontier_size, job.hypervolume = standing.size, standing.hypervolume
    point = {"done": job.done, "hypervolume": job.hypervolume, "frontier_size": job.frontier_size, "at": at}
    session.execute(insert(HistoryRecord).values(job_id=job.id, **point))


def _announce_outcome(session: Session, job: JobRecord, candidate: CandidateRecord, standing: Standing) -> None:
    columns = ("number", "state", "attempt", "metrics", "failure", "feasible", "frontier")
    outcome = {name: getattr(candidate, name) for name in columns}
    announce(session, job.id, EventKind.CANDIDATE, {**outcome, "done": job.done})
    if standing.entered or standing.left:
        change = {"entered": list(standing.entered), "left": list(standing.left), "size": standing.size}
        announce(session, job.id, EventKind.FRONTIER, {**change, "hypervolume": job.hypervolume, "done": job.done})


def _candidate(session: Session, claim: Claim, number: int) -> CandidateRecord:
    candidate = session.get(CandidateRecord, (claim.job_id, number))
    if candidate is None:
        raise NotFoundError(f"there is no candidate {number} in job {claim.job_id!r}")
    return candidate


def _save_checkpoint(session: Session, job: JobRecord, evolution: dict[str, Any]) -> None:
    session.merge(CheckpointRecord(job_id=job.id, evolution=evolution))
    session.flush()
