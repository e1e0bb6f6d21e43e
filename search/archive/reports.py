"""Reading what reports are made of: predictions, climbs from rung to rung, the honest finish, and sums of all jobs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import func, select, text

from search.archive.queries import require_job
from search.archive.schema.engine import now
from search.archive.schema.tables import CandidateRecord, JobRecord, TrainingRecord
from search.archive.transactions import Transactions
from search.archive.values import CandidateState, JobState
from search.origin import Purpose
from search.reports.verdict import Finalist


@dataclass(frozen=True)
class Totals:
    """The jobs of an archive by state, and sums over all of them: candidates with an outcome, trainings, tokens."""

    jobs: dict[JobState, int]
    done: int
    failed: int
    running: int
    tokens: int


class Span(NamedTuple):
    """A time, in seconds, during which so many trainings occupied a worker each."""

    begin: float
    end: float
    trainings: int


class Reports(Transactions):
    """The reads for reports."""

    def predictions(self, job_id: str) -> list[tuple[int, dict[str, Any], dict[str, float]]]:
        """Return number, choice and metrics of the first training of every candidate, where it succeeded, in order."""
        c, t = CandidateRecord, TrainingRecord
        first = (t.job_id == job_id, t.purpose == Purpose.SEARCH, t.state == CandidateState.SUCCEEDED)
        same = (c.job_id == t.job_id) & (c.number == t.number)
        query = select(c.number, c.choice, t.metrics).join(c, same).where(*first).order_by(c.number)
        with self._reading() as session:
            return [(number, choice, metrics) for number, choice, metrics in session.execute(query)]

    def totals(self) -> Totals:
        """Return the sums of all jobs, from the counts in their rows."""
        j = JobRecord
        sums = [func.coalesce(func.sum(column), 0) for column in (j.done, j.failed, j.running, j.tokens)]
        with self._reading() as session:
            rows = session.execute(select(j.state, func.count(), *sums).group_by(j.state)).all()
        jobs = {JobState(state): count for state, count, *_ in rows}
        return Totals(jobs, *(sum(int(row[n]) for row in rows) for n in range(2, 6)))

    def climbs(self, job_id: str) -> list[tuple[int, int, dict[str, float]]]:
        """Return number, tokens and metrics of the trainings that lead from rung to rung, where they succeeded."""
        t = TrainingRecord
        climbing = (t.job_id == job_id, t.purpose.in_([Purpose.SEARCH, Purpose.PROMOTION]))
        query = select(t.number, t.tokens, t.metrics).where(*climbing, t.state == CandidateState.SUCCEEDED)
        with self._reading() as session:
            return [(number, tokens, metrics) for number, tokens, metrics in session.execute(query)]

    def spans(self, job_id: str, parts: int) -> tuple[list[Span], float, float]:
        """Return when trainings of a job occupied workers, and when the job began and ended, in seconds.

        The time of the job has equal parts. Trainings that began in the same part and ended in the same part are one
        span from their mean begin to their mean end, so that an index gives what a job of any size needs.
        An attempt that was lost is left out. A training under way, and a job that has not ended, last until now.

        Raises:
            NotFoundError: there is no such job.
        """
        t, j = TrainingRecord, JobRecord
        # As literal text, so that SQLite uses the partial index (see `Resuming.in_flight`).
        ended = (t.job_id == job_id, text("trainings.seconds > 0"))
        held = (t.job_id == job_id, text("trainings.state = 'running'"), t.claim == j.attempt)
        alive = j.lease_until > now()
        with self._reading() as session:
            require_job(session, job_id)
            own = j.id == job_id
            begin, end, at = session.execute(select(j.started_at, j.finished_at, now()).where(own)).one()
            begin, end = begin or at, end or at
            width = (end - begin) / parts or 1.0
            first = func.round((t.finished_at - t.seconds - begin) / width - 0.5).label("first_part")
            last = func.round((t.finished_at - begin) / width - 0.5).label("last_part")
            means = (func.avg(t.finished_at - t.seconds), func.avg(t.finished_at), func.count())
            grouped = select(*means, first, last).where(*ended).group_by(text("first_part"), text("last_part"))
            spans = [Span(*row[:3]) for row in session.execute(grouped)]
            under_way = session.scalars(select(t.created_at).join(j, own).where(*held, alive)).all()
        return spans + [Span(begun, at, 1) for begun in under_way], begin, end

    def finalists(self, job_id: str) -> list[Finalist]:
        """Return the candidates of the honest finish as far as it has come, in order of number.

        Raises:
            NotFoundError: there is no such job.
        """
        c, t = CandidateRecord, TrainingRecord
        same = (c.job_id == t.job_id) & (c.number == t.number)
        # As literal text, and sorted here, so that SQLite uses the partial index (see `Resuming.in_flight`).
        finish = (t.job_id == job_id, text("trainings.purpose = 'honest finish'"))
        query = select(t.number, c.genome, c.baseline, t.seed, t.state, t.metrics).join(c, same).where(*finish)
        with self._reading() as session:
            require_job(session, job_id)
            rows = sorted(session.execute(query).all(), key=lambda row: (row.number, row.seed))
        finalists = []
        for (number, genome, baseline), group in groupby(rows, key=lambda row: tuple(row[:3])):
            ended = [(state, metrics) for *_, state, metrics in group]
            succeeded = [metrics for state, metrics in ended if state == CandidateState.SUCCEEDED]
            failed = sum(state == CandidateState.FAILED for state, _ in ended)
            finalists.append(Finalist(number, genome, baseline, succeeded, failed))
        return finalists
