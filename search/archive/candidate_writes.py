"""Candidates going into the database: proposed, tried again, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.orm import Session

from evaluator.evaluation import Evaluation
from search.archive.engine import now
from search.archive.events import announce
from search.archive.job_writes import held
from search.archive.tables import CandidateRecord, CheckpointRecord, HistoryRecord, JobRecord
from search.archive.values import CandidateState, Claim, EventKind, NotFoundError
from search.objectives import Standing

if TYPE_CHECKING:
    from search.evolve import Proposal


def propose(session: Session, claim: Claim, proposal: Proposal, evolution: dict[str, Any]) -> int:
    """Number a proposal and keep it together with the evolution that made it."""
    row = held(session, claim)
    row.proposed += 1
    row.genes += proposal.genes
    row.repaired += proposal.repaired
    if proposal.space is not None:
        row.space = proposal.space.to_json()
    mother, father = (*proposal.parents, None, None)[:2]
    values = {
        "job_id": row.id,
        "number": row.proposed,
        "genome": str(proposal.genome),
        "digest": proposal.digest,
        "state": CandidateState.RUNNING,
        "mother": mother,
        "father": father,
        "variation": proposal.variation,
        "baseline": proposal.baseline,
        "created_at": now(),
    }
    session.execute(insert(CandidateRecord).values(**values))
    _keep(session, row, evolution)
    told = {
        "number": row.proposed,
        "state": CandidateState.RUNNING,
        "attempt": 1,
        "genome": values["genome"],
        "parents": list(proposal.parents),
        "variation": proposal.variation,
        "baseline": proposal.baseline,
    }
    announce(session, row.id, EventKind.CANDIDATE, told)
    return row.proposed


def retry(session: Session, claim: Claim, number: int) -> int:
    """Begin a running candidate again under a new attempt, which fences off the old one."""
    held(session, claim)
    candidate = _candidate(session, claim, number)
    if candidate.state != CandidateState.RUNNING:
        raise NotFoundError(f"candidate {number} of job {claim.job_id} is not under way: {candidate.state}")
    candidate.attempt += 1
    session.flush()
    told = {"number": number, "state": CandidateState.RUNNING, "attempt": candidate.attempt}
    announce(session, claim.job_id, EventKind.CANDIDATE, told)
    return candidate.attempt


def record(
    session: Session,
    claim: Claim,
    evaluation: Evaluation,
    feasible: bool,
    standing: Standing,
    evolution: dict[str, Any],
    weights: bool,
    seal: Callable[[], None],
) -> bool:
    """One outcome with all that follows from it, or False when it is stale."""
    row = held(session, claim)
    candidate = _candidate(session, claim, evaluation.candidate)
    if candidate.state != CandidateState.RUNNING or candidate.attempt != evaluation.attempt:
        return False
    at = session.scalar(select(now())) or 0.0
    _conclude(candidate, evaluation, feasible, standing, weights, at)
    _leave(session, row, standing)
    row.done += 1
    row.failed += evaluation.failure is not None
    row.seconds += evaluation.seconds
    row.frontier_size, row.hypervolume = standing.size, standing.hypervolume
    point = {"done": row.done, "hypervolume": row.hypervolume, "frontier_size": row.frontier_size, "at": at}
    session.execute(insert(HistoryRecord).values(job_id=row.id, **point))
    _keep(session, row, evolution)
    told = {
        "number": candidate.number,
        "state": candidate.state,
        "attempt": candidate.attempt,
        "metrics": candidate.metrics,
        "failure": candidate.failure,
        "feasible": feasible,
        "frontier": candidate.frontier,
        "done": row.done,
    }
    announce(session, row.id, EventKind.CANDIDATE, told)
    if standing.entered or standing.left:
        news = {"entered": list(standing.entered), "left": list(standing.left), "size": standing.size}
        announce(session, row.id, EventKind.FRONTIER, {**news, "hypervolume": standing.hypervolume, "done": row.done})
    seal()
    return True


def _conclude(
    candidate: CandidateRecord, evaluation: Evaluation, feasible: bool, standing: Standing, weights: bool, at: float
) -> None:
    candidate.state = CandidateState.FAILED if evaluation.failure else CandidateState.SUCCEEDED
    candidate.metrics = dict(evaluation.metrics)
    candidate.curve = [list(point) for point in evaluation.curve]
    candidate.failure = evaluation.failure
    candidate.detail = evaluation.detail.replace("\0", "")  # PostgreSQL has no text with NUL in it
    candidate.seconds = evaluation.seconds
    candidate.feasible = feasible
    candidate.frontier = candidate.number in standing.entered
    candidate.weights = weights
    candidate.finished_at = at


def _leave(session: Session, row: JobRecord, standing: Standing) -> None:
    """Take candidates off the frontier; of those only baselines keep their weights."""
    if standing.left:
        session.execute(
            update(CandidateRecord)
            .where(CandidateRecord.job_id == row.id, CandidateRecord.number.in_(standing.left))
            .values(frontier=False, weights=and_(CandidateRecord.weights, CandidateRecord.baseline.is_not(None)))
        )


def _candidate(session: Session, claim: Claim, number: int) -> CandidateRecord:
    candidate = session.get(CandidateRecord, (claim.job_id, number))
    if candidate is None:
        raise NotFoundError(f"there is no candidate {number} in job {claim.job_id!r}")
    return candidate


def _keep(session: Session, row: JobRecord, evolution: dict[str, Any]) -> None:
    session.merge(CheckpointRecord(job_id=row.id, evolution=evolution))
    session.flush()
