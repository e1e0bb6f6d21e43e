"""What a runner needs to take up a job: what is in flight, what happened before or in an earlier job, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import and_, insert, select, text, update
from sqlalchemy.orm import Session

from search.archive.claims import free, held
from search.archive.listing.order import objective_columns
from search.archive.runner_values import Claim, InFlight, Lease, PastCandidate, PastTraining, TakenOver, Waiting
from search.archive.schema.engine import now
from search.archive.schema.tables import CandidateRecord, InjectionRecord, JobRecord, TrainingRecord
from search.archive.training_rows import answer_injection, copy_training, moved_frontier, write_progress
from search.archive.transactions import Transactions, announce
from search.archive.values import CandidateState, EventKind, JobState
from search.objectives import Frontier
from search.origin import Reason, Variation


class Resuming(Transactions):
    """The reads of a runner, and what it takes over from an earlier job."""

    def in_flight(self, job_id: str) -> list[InFlight]:
        """Return the trainings that were begun and have no outcome, in order of number."""
        c, t = CandidateRecord, TrainingRecord
        of_candidate = ("genome", "baseline", "inherited")
        columns = [getattr(t, name) for name in InFlight._fields if name not in of_candidate]
        same = and_(c.job_id == t.job_id, c.number == t.number)
        # As literal text, and sorted here: SQLite uses a partial index only where the query's text implies the index's
        # condition, and it would rather read all trainings of the job in the order of the primary key.
        running = (t.job_id == job_id, text("trainings.state = 'running'"))
        query = select(*columns, c.genome, c.baseline, c.inherited).join(c, same).where(*running)
        with self._reading() as session:
            found = [InFlight(**row._mapping) for row in session.execute(query)]
        return sorted(found, key=lambda one: (one.number, one.seed, one.tokens))

    def others_wait(self, job_id: str) -> bool:
        """Return whether a runner could claim another job than this one."""
        with self._reading() as session:
            return session.scalar(select(JobRecord.seq).where(free(), JobRecord.id != job_id).limit(1)) is not None

    def long_leases(self, seconds: float) -> list[Lease]:
        """Return the leases on running jobs that end later than so many seconds from now."""
        j = JobRecord
        late = (j.state == JobState.RUNNING, j.lease_until > now() + seconds)
        with self._reading() as session:
            rows = session.execute(select(j.id, j.attempt, j.lease_until).where(*late))
            return [Lease(job_id, attempt, until or 0.0) for job_id, attempt, until in rows]

    def past(self, job_id: str) -> list[PastCandidate]:
        """Return of every candidate what a search resumes from, in order of number."""
        c = CandidateRecord
        columns = (getattr(c, name) for name in PastCandidate._fields)
        with self._reading() as session:
            rows = session.execute(select(*columns).where(c.job_id == job_id).order_by(c.number))
            return [PastCandidate(*row) for row in rows]

    def past_trainings(self, job_id: str) -> list[PastTraining]:
        """Return of every training what a search resumes from, in order of outcome; those in flight come last."""
        t = TrainingRecord
        columns = (getattr(t, name) for name in PastTraining._fields)
        query = select(*columns).where(t.job_id == job_id)
        with self._reading() as session:
            rows = session.execute(query.order_by(t.outcome.is_(None), t.outcome, t.number, t.seed, t.tokens))
            return [PastTraining(*row) for row in rows]

    def waiting(self, job_id: str) -> list[Waiting]:
        """Return the genomes that wait to be injected, in the order in which somebody asked for them."""
        i = InjectionRecord
        query = select(i.genome, i.by).where(i.job_id == job_id, i.number.is_(None)).order_by(i.seq)
        with self._reading() as session:
            return [Waiting(*row) for row in session.execute(query)]

    def set_reference(self, claim: Claim, reference: dict[str, float]) -> None:
        """Set the hypervolume reference of a job: a value of each objective.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            held(session, claim).reference = reference

    def take_over(self, claim: Claim, earlier: str, found: Sequence[TakenOver], frontier: Frontier) -> None:
        """Record the candidates of an earlier job as the first ones of this job, unless it has candidates already.

        Their trainings are outcomes that read no tokens. The candidates count neither as done nor in the total.

        Args:
            frontier: that of these candidates.

        Raises:
            LeaseLostError: the claim no longer holds, or the job has ended.
        """
        with self._writing.begin() as session:
            job = held(session, claim)
            if job.proposed or not found:
                return
            at = session.scalar(select(now())) or 0.0
            job.proposed = len(found)
            shown = [_taken_over(session, job, number, one, earlier, at) for number, one in enumerate(found, 1)]
            trainings = [(number, row) for number, one in enumerate(found, 1) for row in one.trainings]
            first: dict[int, int] = {}
            for number, row in sorted(trainings, key=lambda pair: pair[1].outcome or 0):
                job.outcomes += 1
                copy_training(session, job, number, row, at)
                if row.tokens == found[number - 1].summary.tokens:
                    first.setdefault(number, job.outcomes)
            places = [{"job_id": job.id, "number": number, "outcome": place} for number, place in first.items()]
            session.execute(update(CandidateRecord), places)
            standing = replace(frontier.standing(), entered=frontier.members)
            moved_frontier(session, job, standing)
            write_progress(session, job, standing, at)
            session.flush()
            for one in shown:
                announce(session, job.id, EventKind.CANDIDATE, one)
            change = {"entered": list(standing.entered), "left": [], "size": standing.size}
            announce(session, job.id, EventKind.FRONTIER, {**change, "hypervolume": job.hypervolume, "done": job.done})

    def kept_weights(self, job_id: str, numbers: Sequence[int]) -> dict[int, tuple[str, dict[str, Any]]]:
        """Return the genomes and the references of the weights of those candidates whose weights are kept."""
        c = CandidateRecord
        query = select(c.number, c.genome, c.weights).where(c.job_id == job_id, c.number.in_(numbers))
        with self._reading() as session:
            rows = session.execute(query.where(text("weights IS NOT NULL")))
            return {number: (genome, weights) for number, genome, weights in rows}

    def artifacts(self, job_id: str) -> set[str]:
        """Return the keys of the artifacts that a job refers to.

        They are weights of candidates and of parents that candidates under way begin with, and checkpoints.
        """
        c, kept = CandidateRecord, set()
        begins = select(c.inherited).where(c.job_id == job_id, text("state = 'running'"), c.inherited.is_not(None))
        with self._reading() as session:
            for table, column in ((CandidateRecord, "weights"), (TrainingRecord, "checkpoint")):
                reference = getattr(table, column)
                query = select(reference).where(table.job_id == job_id, text(f"{column} IS NOT NULL"))
                kept |= {str(one["key"]) for one in session.scalars(query)}
            kept |= {str(one["weights"]["key"]) for one in session.scalars(begins) if one}
        return kept


def _taken_over(
    session: Session, job: JobRecord, number: int, one: TakenOver, earlier: str, at: float
) -> dict[str, Any]:
    """Insert a candidate of an earlier job, and return what its event holds."""
    shown = {
        "number": number,
        "state": CandidateState.SUCCEEDED,
        "genome": one.genome,
        "variation": Variation.WARM_START,
        "baseline": one.baseline,
        "choice": {"reason": Reason.WARM_START, "by": f"candidate {one.number} of job {earlier}"},
        **asdict(one.summary),
    }
    hidden = {"job_id": job.id, "digest": one.digest, "created_at": at, "finished_at": at}
    hidden |= objective_columns(job.plan["objectives"], one.summary.metrics)
    session.execute(insert(CandidateRecord).values(**shown, **hidden))
    answer_injection(session, job, one.digest, number)
    return {**shown, "parents": [], "failure": None, "frontier": False, "done": job.done}
