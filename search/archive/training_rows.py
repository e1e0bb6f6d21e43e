"""The rows of trainings and candidates as outcomes change them, and the artifacts that they refer to.

An artifact is deleted only after no row refers to it, so a runner that dies leaves files that nobody refers to, never a
reference without a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, null, select, update
from sqlalchemy.orm import Session

from evaluator.evaluation import Evaluation
from search.archive.listing.order import objective_columns
from search.archive.runner_values import InFlight, PastTraining
from search.archive.schema.engine import now
from search.archive.schema.tables import CandidateRecord, HistoryRecord, InjectionRecord, JobRecord, TrainingRecord
from search.archive.values import CandidateState
from search.objectives import Standing
from search.observations import Summary
from search.origin import EXTRA, Purpose

if TYPE_CHECKING:
    from search.evolution.proposal import Proposal


def begin_training(session: Session, job: JobRecord, begun: InFlight) -> None:
    """Insert a training that is under way."""
    job.running += 1
    place = job.running + job.outcomes
    values = {**begun.shown(), "spent": begun.spent, "begun": place, "state": CandidateState.RUNNING}
    session.execute(insert(TrainingRecord).values(job_id=job.id, **values, claim=job.attempt, created_at=now()))


def count_proposal(job: JobRecord, proposal: Proposal) -> None:
    """Count a new candidate and the genes that were drawn for it, and let the space grow with it."""
    job.proposed += 1
    job.total += proposal.variation in EXTRA
    job.genes += proposal.genes
    job.repaired += proposal.repaired
    if proposal.space is not None:
        job.space = proposal.space.to_json()


def proposed_before(session: Session, job: JobRecord, digest: str) -> bool:
    """Return whether the latest candidate of a job is the one with this digest."""
    latest = session.get(CandidateRecord, (job.id, job.proposed))
    return latest is not None and latest.digest == digest


def begun_before(session: Session, job: JobRecord, begun: InFlight) -> bool:
    """Return whether the runner that holds the job has begun this training already."""
    row = session.get(TrainingRecord, (job.id, *begun.key))
    return row is not None and row.claim == job.attempt and row.attempt == 1 and row.state == CandidateState.RUNNING


def count_attempt(job: JobRecord, training: TrainingRecord, loss: str | None) -> None:
    """Count a further attempt at a training, and the way in which the one before was lost."""
    training.attempt += 1
    training.claim = job.attempt
    if loss is not None:
        training.losses = {**training.losses, loss: training.losses.get(loss, 0) + 1}
        job.lost += 1


def let_go(session: Session, job: JobRecord) -> None:
    """Note that a runner hands back the trainings under way, so that this attempt at them does not count as lost."""
    t = TrainingRecord
    session.execute(update(t).where(t.job_id == job.id, t.state == CandidateState.RUNNING).values(claim=None))


def cancel_running(session: Session, job: JobRecord, *, for_good: bool) -> None:
    """Cancel what is under way and, if nothing goes on from them any more, give up every checkpoint."""
    let_go(session, job)
    ended = {"state": CandidateState.CANCELLED, "finished_at": job.finished_at}
    for table in (TrainingRecord, CandidateRecord):
        of_job = (table.job_id == job.id, table.state == CandidateState.RUNNING)
        session.execute(update(table).where(*of_job).values(**ended))
    if for_good:
        checkpoints = (TrainingRecord.job_id == job.id, TrainingRecord.checkpoint.is_not(None))
        session.execute(update(TrainingRecord).where(*checkpoints).values(checkpoint=null()))
    job.running = 0


def revive_cancelled(session: Session, job: JobRecord) -> None:
    """Put what the end of a job cancelled under way again."""
    for table in (CandidateRecord, TrainingRecord):
        of_job = (table.job_id == job.id, table.state == CandidateState.CANCELLED)
        session.execute(update(table).where(*of_job).values(state=CandidateState.RUNNING, finished_at=None))
    t = TrainingRecord
    running = select(func.count()).where(t.job_id == job.id, t.state == CandidateState.RUNNING)
    job.running = session.scalar(running) or 0


def answer_injection(session: Session, job: JobRecord, digest: str, number: int) -> None:
    """Give the injection of this architecture, if there is one, the number of its candidate."""
    i = InjectionRecord
    session.execute(update(i).where(i.job_id == job.id, i.digest == digest).values(number=number))


def count_outcome(job: JobRecord, candidate: CandidateRecord, training: TrainingRecord, evaluation: Evaluation) -> None:
    """Count an outcome, and the candidate if this is its first one."""
    job.running -= 1
    job.outcomes += 1
    job.faults = job.errors = 0
    job.tokens += training.spent
    job.seconds += evaluation.seconds
    if candidate.state == CandidateState.RUNNING:
        job.done += 1
        job.failed += evaluation.failure is not None


def write_progress(session: Session, job: JobRecord, standing: Standing, at: float) -> None:
    """Append a point to the history of the job."""
    job.frontier_size, job.hypervolume = standing.size, standing.hypervolume
    columns = ("done", "tokens", "hypervolume", "frontier_size")
    point = {name: getattr(job, name) for name in columns}
    session.execute(insert(HistoryRecord).values(job_id=job.id, outcome=job.outcomes, at=at, **point))


def copy_training(session: Session, job: JobRecord, number: int, row: PastTraining, at: float) -> None:
    """Insert a training of an earlier job as the latest outcome of this one. It reads no tokens here."""
    values = {
        "job_id": job.id,
        "number": number,
        "seed": row.seed,
        "tokens": row.tokens,
        "purpose": Purpose.WARM_START,
        "state": row.state,
        "spent": 0,
        "begun": job.outcomes,
        "outcome": job.outcomes,
        "metrics": row.metrics,
        "created_at": at,
        "finished_at": at,
    }
    session.execute(insert(TrainingRecord).values(**values))


def write_outcome(training: TrainingRecord, evaluation: Evaluation, outcome: int, at: float) -> None:
    """Write the outcome of a training, which is the job's n-th."""
    training.state = CandidateState.FAILED if evaluation.failure else CandidateState.SUCCEEDED
    training.outcome = outcome
    training.metrics = dict(evaluation.metrics)
    training.curve = [list(point) for point in evaluation.curve]
    training.failure = evaluation.failure
    training.detail = _stored(evaluation.detail)
    training.checkpoint = None if evaluation.checkpoint is None else evaluation.checkpoint.to_json()
    training.execution = None if evaluation.execution is None else evaluation.execution.to_json()
    training.seconds = evaluation.seconds
    training.finished_at = at


def summarise(
    job: JobRecord, candidate: CandidateRecord, evaluation: Evaluation, summary: Summary | None, at: float
) -> None:
    """Bring a candidate up to date after one of its trainings. A failure counts if it is the first outcome."""
    candidate.seconds += evaluation.seconds
    candidate.finished_at = at
    if summary is not None:
        if summary.tokens != candidate.tokens:
            candidate.outcome = job.outcomes
        candidate.state = CandidateState.SUCCEEDED
        candidate.metrics = {**candidate.metrics, **summary.metrics}
        for column, value in objective_columns(job.plan["objectives"], candidate.metrics).items():
            setattr(candidate, column, value)
        candidate.tokens, candidate.seeds, candidate.feasible = summary.tokens, summary.seeds, summary.feasible
    elif candidate.state == CandidateState.RUNNING:
        candidate.state, candidate.outcome = CandidateState.FAILED, job.outcomes
        candidate.failure, candidate.detail = evaluation.failure, _stored(evaluation.detail)


def released_checkpoint(session: Session, training: TrainingRecord) -> list[str]:
    """Give up the checkpoint that this training went on from, and return its key."""
    if training.purpose != Purpose.PROMOTION:
        return []
    t = TrainingRecord
    own = (t.job_id == training.job_id, t.number == training.number, t.seed == training.seed)
    before = session.scalars(select(t).where(*own, t.tokens < training.tokens, t.checkpoint.is_not(None))).all()
    keys = [str(row.checkpoint["key"]) for row in before if row.checkpoint]
    for row in before:
        row.checkpoint = None
    return keys


def unkept_weights(candidate: CandidateRecord, evaluation: Evaluation, wanted: bool) -> list[str]:
    """Refer to the weights of a training if they are wanted and the candidate has none, or else return their key."""
    if evaluation.weights is None:
        return []
    if not wanted or candidate.weights is not None:
        return [evaluation.weights.key]
    candidate.weights = {**evaluation.weights.to_json(), "seed": evaluation.seed}
    return []


def moved_frontier(session: Session, job: JobRecord, standing: Standing) -> list[str]:
    """Put candidates on the frontier and take others off, which gives up their weights unless they are baselines.

    Returns:
        The keys of the weights that were given up.
    """
    c = CandidateRecord
    if standing.entered:
        session.execute(_of(job, standing.entered).values(frontier=True))
    if not standing.left:
        return []
    left = (c.job_id == job.id, c.number.in_(standing.left), c.baseline.is_(None), c.weights.is_not(None))
    keys = [str(weights["key"]) for weights in session.scalars(select(c.weights).where(*left)) if weights]
    session.execute(update(c).where(*left).values(weights=null()))
    session.execute(_of(job, standing.left).values(frontier=False))
    return keys


def _of(job: JobRecord, numbers: tuple[int, ...]) -> Any:
    return update(CandidateRecord).where(CandidateRecord.job_id == job.id, CandidateRecord.number.in_(numbers))


def _stored(detail: str) -> str:
    return detail.replace("\0", "")  # PostgreSQL cannot store NUL in text
