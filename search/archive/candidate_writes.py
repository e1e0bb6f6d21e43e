"""Recording candidates and their trainings: proposal, further trainings and attempts, and outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from evaluator.evaluation import Evaluation
from search.archive.claims import held
from search.archive.custody.again import reopen
from search.archive.errors import NotFoundError
from search.archive.listing.order import objective_columns
from search.archive.runner_values import Claim, InFlight, Inherited
from search.archive.schema.engine import now
from search.archive.schema.tables import CandidateRecord, CheckpointRecord, JobRecord, TrainingRecord
from search.archive.training_rows import (
    answer_injection,
    begin_training,
    begun_before,
    count_attempt,
    count_outcome,
    count_proposal,
    moved_frontier,
    proposed_before,
    released_checkpoint,
    summarise,
    unkept_weights,
    write_outcome,
    write_progress,
)
from search.archive.transactions import Transactions, announce
from search.archive.values import CandidateState, EventKind
from search.objectives import Standing
from search.observations import Summary
from search.origin import Purpose

if TYPE_CHECKING:
    from search.evolution.proposal import Further, Proposal


SUMMARISED = ("number", "state", "metrics", "tokens", "seeds", "failure", "feasible", "frontier")
"""The columns of a candidate in the event of an outcome."""


class CandidateWrites(Transactions):
    """The writes of a runner that concern the candidates of the job it holds."""

    def propose(
        self, claim: Claim, proposal: Proposal, state: dict[str, Any], inherited: Inherited | None = None
    ) -> InFlight:
        """Record a candidate whose first training is about to begin, and return that training.

        Args:
            state: the state of the evolution after the proposal, as JSON.
            inherited: the weights that it begins with, if they are those of a parent.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            IntegrityError: the job has a candidate with this digest already.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            given = inherited and inherited._asdict()
            if proposed_before(session, job, proposal.digest):
                return proposal.first_training(job.proposed)._replace(inherited=given)
            count_proposal(job, proposal)
            mother, father = (*proposal.parents, None, None)[:2]
            shown = {
                "number": job.proposed,
                "state": CandidateState.RUNNING,
                "genome": str(proposal.genome),
                "variation": proposal.variation,
                "baseline": proposal.baseline,
            }
            known = {"metrics": dict(proposal.costs), "choice": proposal.choice.to_json()}
            hidden = {"job_id": job.id, "digest": proposal.digest, "mother": mother, "father": father}
            row = {**shown, **known, **hidden, "inherited": given}
            row |= objective_columns(job.plan["objectives"], proposal.costs)
            session.execute(insert(CandidateRecord).values(**row, created_at=now()))
            begun = proposal.first_training(job.proposed)._replace(inherited=given)
            begin_training(session, job, begun)
            answer_injection(session, job, proposal.digest, job.proposed)
            _save_checkpoint(session, job, state)
            event = {**shown, **known, "attempt": 1, "parents": list(proposal.parents)}
            announce(session, job.id, EventKind.CANDIDATE, event)
            return begun

    def begin(self, claim: Claim, further: Further, state: dict[str, Any]) -> InFlight:
        """Record that a further training of a candidate is about to begin, and return it.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            NotFoundError: there is no such candidate.
            IntegrityError: the candidate was trained with this seed and number of tokens already.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            candidate = _candidate(session, claim, further.number)
            begun = InFlight(**further._asdict(), attempt=1, genome=candidate.genome, baseline=candidate.baseline)
            if begun_before(session, job, begun):
                return begun
            begin_training(session, job, begun)
            if further.purpose == Purpose.RETRY:
                reopen(session, job, candidate)
            _save_checkpoint(session, job, state)
            announce(session, job.id, EventKind.TRAINING, {**begun.shown(), "state": CandidateState.RUNNING})
            return begun

    def retry(self, claim: Claim, training: InFlight, loss: str | None = None) -> InFlight:
        """Begin a training again, and return the new attempt at it.

        Args:
            loss: how the attempt before was lost, which is counted; None if its runner handed it back.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            NotFoundError: there is no such training, or it has an outcome.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            row = _training(session, claim, training.number, training.seed, training.tokens)
            if row.state != CandidateState.RUNNING:
                raise NotFoundError(f"a training of candidate {row.number} of job {row.job_id} is not under way")
            if row.attempt == training.attempt:
                count_attempt(job, row, loss)
                shown = {**training.shown(), "attempt": row.attempt, "state": row.state}
                session.flush()
                announce(session, job.id, EventKind.TRAINING, shown)
            return training._replace(attempt=row.attempt, claim=row.claim, losses=row.losses)

    def record(
        self,
        claim: Claim,
        evaluation: Evaluation,
        *,
        summary: Summary | None,
        standing: Standing,
        state: dict[str, Any],
        keeps_weights: bool = False,
    ) -> list[str] | None:
        """Record the outcome of a training, the frontier after it and the state of the evolution after it.

        Args:
            summary: the candidate after this outcome; None leaves it as it is, or fails it if it has no metrics yet.
            standing: the frontier after the candidate was compared with it.
            state: the state of the evolution after the outcome, as JSON.
            keeps_weights: whether the weights are kept, if there are some and the candidate has none yet.

        Returns:
            The keys of artifacts that are no longer referred to; None, and nothing is recorded, when the evaluation
            belongs to an earlier attempt.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
            NotFoundError: there is no such training.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            training = _training(session, claim, evaluation.candidate, evaluation.seed, evaluation.tokens)
            if training.attempt != evaluation.attempt:
                return None
            if training.state != CandidateState.RUNNING:
                return [] if training.claim == claim.attempt else None  # recorded before, and the answer was lost
            candidate = _candidate(session, claim, evaluation.candidate)
            at = session.scalar(select(now())) or 0.0
            count_outcome(job, candidate, training, evaluation)
            write_outcome(training, evaluation, job.outcomes, at)
            summarise(job, candidate, evaluation, summary, at)
            released = released_checkpoint(session, training)
            released += unkept_weights(candidate, evaluation, keeps_weights)
            session.flush()
            released += moved_frontier(session, job, standing)
            write_progress(session, job, standing, at)
            _save_checkpoint(session, job, state)
            _announce_outcome(session, job, candidate, training, standing)
            return released


def _announce_outcome(
    session: Session, job: JobRecord, candidate: CandidateRecord, training: TrainingRecord, standing: Standing
) -> None:
    columns = ("number", "seed", "tokens", "purpose", "state", "attempt", "outcome", "failure")
    announce(session, job.id, EventKind.TRAINING, {name: getattr(training, name) for name in columns})
    if training.purpose == Purpose.FINISH:
        return
    summary = {name: getattr(candidate, name) for name in SUMMARISED}
    announce(session, job.id, EventKind.CANDIDATE, {**summary, "done": job.done, "outcome": job.outcomes})
    if standing.entered or standing.left:
        change = {"entered": list(standing.entered), "left": list(standing.left), "size": standing.size}
        announce(session, job.id, EventKind.FRONTIER, {**change, "hypervolume": job.hypervolume, "done": job.done})


def _candidate(session: Session, claim: Claim, number: int) -> CandidateRecord:
    candidate = session.get(CandidateRecord, (claim.job_id, number))
    if candidate is None:
        raise NotFoundError(f"there is no candidate {number} in job {claim.job_id!r}")
    return candidate


def _training(session: Session, claim: Claim, number: int, seed: int, tokens: int) -> TrainingRecord:
    training = session.get(TrainingRecord, (claim.job_id, number, seed, tokens))
    if training is None:
        raise NotFoundError(
            f"candidate {number} of job {claim.job_id!r} has no training of {tokens} tokens with seed {seed}"
        )
    return training


def _save_checkpoint(session: Session, job: JobRecord, evolution: dict[str, Any]) -> None:
    session.flush()
    c = CheckpointRecord
    written = session.execute(update(c).where(c.job_id == job.id).values(evolution=evolution).returning(c.job_id))
    if written.first() is None:
        session.execute(insert(c).values(job_id=job.id, evolution=evolution))
