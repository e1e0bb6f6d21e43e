"""Reading what a runner needs to take up a job: what is in flight, what happened before, and what is kept."""

from __future__ import annotations

from sqlalchemy import and_, select, text

from search.archive.runner_values import InFlight, PastCandidate, PastTraining, Waiting
from search.archive.schema.tables import CandidateRecord, InjectionRecord, TrainingRecord
from search.archive.transactions import Transactions


class Resuming(Transactions):
    """The reads of a runner."""

    def in_flight(self, job_id: str) -> list[InFlight]:
        """Return the trainings that were begun and have no outcome, in order of number."""
        c, t = CandidateRecord, TrainingRecord
        columns = [getattr(t, name) for name in InFlight._fields[:-2]]
        same = and_(c.job_id == t.job_id, c.number == t.number)
        # As literal text: SQLite uses a partial index only where the query's text implies the index's condition.
        running = (t.job_id == job_id, text("trainings.state = 'running'"))
        query = select(*columns, c.genome, c.baseline).join(c, same).where(*running)
        with self._reading() as session:
            rows = session.execute(query.order_by(t.number, t.seed, t.tokens))
            return [InFlight(**row._mapping) for row in rows]

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

    def artifacts(self, job_id: str) -> set[str]:
        """Return the keys of the artifacts that a job refers to: weights of candidates, checkpoints of trainings."""
        kept = set()
        with self._reading() as session:
            for table, column in ((CandidateRecord, "weights"), (TrainingRecord, "checkpoint")):
                reference = getattr(table, column)
                query = select(reference).where(table.job_id == job_id, text(f"{column} IS NOT NULL"))
                kept |= {str(one["key"]) for one in session.scalars(query)}
        return kept
