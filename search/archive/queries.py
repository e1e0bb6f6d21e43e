"""Reading jobs, candidates and trainings. Every query is a select, so reading locks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, text, union
from sqlalchemy.orm import Session

from search.archive.errors import NotFoundError
from search.archive.paging import Page, page_key, page_length
from search.archive.schema.engine import now
from search.archive.schema.record import table_of
from search.archive.schema.row_values import candidate_value, job_summary, job_value, training_value, utc
from search.archive.schema.tables import CandidateRecord, EventRecord, HistoryRecord, JobRecord, TrainingRecord
from search.archive.transactions import Transactions
from search.archive.values import Candidate, Job, JobState, JobSummary, Training

HISTORY_COLUMNS = ("outcome", "done", "tokens", "hypervolume", "frontier_size", "at")


class Queries(Transactions):
    """The reads, for runners and for people."""

    def jobs(
        self,
        page_size: int = 50,
        page_token: str | None = None,
        *,
        state: JobState | None = None,
        search: str = "",
        tag: str = "",
    ) -> Page[JobSummary]:
        """Return a page of jobs, newest first: all, or those in a state, with a text in name or id, or with a tag.

        Raises:
            ValueError: page_size is not positive, or page_token was not issued by this listing.
        """
        listing = f"jobs/{state or ''}/{tag}/{search}" if state or search or tag else "jobs"
        size, before = page_length(page_size), page_key(listing, page_token)
        query = _SUMMARIES.order_by(JobRecord.seq.desc()).limit(size + 1)
        if state is not None:
            query = query.where(JobRecord.state == state)
        if search:
            query = query.where(or_(JobRecord.name.icontains(search, autoescape=True), JobRecord.id == search))
        if tag:
            query = query.where(JobRecord.tags.contains(f"\n{tag}\n", autoescape=True))
        if before is not None:
            query = query.where(JobRecord.seq < before)
        with self._looking() as session:
            rows = session.execute(query).mappings().all()
            return Page.of([job_summary(row) for row in rows], [row["seq"] for row in rows], size, listing)

    def job(self, job_id: str) -> Job:
        """Return one job.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._looking() as session:
            return find_job(session, job_id)

    def candidate(self, job_id: str, number: int) -> Candidate:
        """Return one candidate.

        Raises:
            NotFoundError: there is no such job or candidate.
        """
        with self._looking() as session:
            found = _listed(session, _candidates(job_id).where(CandidateRecord.number == number))
        if not found:
            raise NotFoundError(f"there is no candidate {number} in job {job_id!r}")
        return found[0]

    def frontier(self, job_id: str) -> list[Candidate]:
        """Return the candidates that no feasible candidate dominates, in order of number.

        Raises:
            NotFoundError: there is no such job.
        """
        with self._reading() as session:
            require_job(session, job_id)
            # As literal text: `frontier = 1`, as SQLAlchemy writes it for SQLite, does not imply the index's condition.
            return _listed(session, _candidates(job_id).where(text("candidates.frontier")))

    def children(self, job_id: str, number: int, page_size: int = 50, page_token: str | None = None) -> Page[Candidate]:
        """Return a page of the candidates that have this one as a parent, in order of number.

        Raises:
            NotFoundError: there is no such job.
            ValueError: page_size is not positive, or page_token was not issued by this listing.
        """
        with self._reading() as session:
            require_job(session, job_id)
            listing = f"children/{job_id}/{number}"
            size, after = page_length(page_size), page_key(listing, page_token)
            later = [child for child in _children(session, job_id, number) if child > (after or 0)][: size + 1]
            found = _listed(session, _candidates(job_id).where(CandidateRecord.number.in_(later)))
            return Page.of(found, later, size, listing)

    def child_count(self, job_id: str, number: int) -> int:
        """Return how many candidates have this one as a parent."""
        with self._reading() as session:
            return len(_children(session, job_id, number))

    def trainings(self, job_id: str, number: int) -> list[Training]:
        """Return the trainings of a candidate with their curves, in the order in which they began."""
        t = TrainingRecord
        query = select(t).where(t.job_id == job_id, t.number == number).order_by(t.created_at, t.tokens, t.seed)
        with self._reading() as session:
            return [training_value(row) for row in session.scalars(query)]

    def history(self, job_id: str, most: int | None = None) -> dict[str, list[Any]]:
        """Return the growth of the frontier as columns, a row for each outcome: the names in `HISTORY_COLUMNS`.

        Args:
            most: rows at most, at least 2, spread evenly and with the last one; None for all.

        Raises:
            NotFoundError: there is no such job.
        """
        h = HistoryRecord
        columns = [getattr(h, name) for name in HISTORY_COLUMNS]
        with self._reading() as session:
            last = find_job(session, job_id).outcomes
            query = select(*columns).where(h.job_id == job_id).order_by(h.outcome)
            if most is not None and last > most:
                apart = -(-last // (most - 1))
                query = query.where((h.outcome % apart == 0) | (h.outcome == last))
            rows = session.execute(query).all()
        history = dict(zip(HISTORY_COLUMNS, _columns(rows, len(columns)), strict=True))
        return {**history, "at": [utc(second).isoformat() for second in history["at"]]}


def find_job(session: Session, job_id: str) -> Job:
    """Return one job as the transaction sees it.

    Raises:
        NotFoundError: there is no such job.
    """
    row = session.execute(_JOB, {"job_id": job_id}).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no job {job_id!r}")
    return job_value(row)


def require_job(session: Session, job_id: str) -> None:
    """Raise NotFoundError when there is no such job."""
    if session.scalar(_NUMBER, {"job_id": job_id}) is None:
        raise NotFoundError(f"there is no job {job_id!r}")


def _jobs(columns: Iterable[ColumnElement[Any]]) -> Select[*tuple[Any, ...]]:
    """Select columns of jobs, whether the lease of each is unexpired, and the number of its last event."""
    last = select(func.max(EventRecord.seq)).where(EventRecord.job_id == JobRecord.id).scalar_subquery()
    alive = func.coalesce(JobRecord.lease_until > now(), False)
    return select(*columns, alive.label("alive"), func.coalesce(last, 0).label("last_event"))


_COLUMNS = table_of(JobRecord).columns
_JOB = _jobs(_COLUMNS).where(_COLUMNS.id == bindparam("job_id"))  # made once, as it takes longer than to run it
_NUMBER = select(_COLUMNS.seq).where(_COLUMNS.id == bindparam("job_id"))
_SUMMARIES = _jobs(column for column in _COLUMNS if column.name != "space")  # which takes longer to read than the rest


def _candidates(job_id: str) -> Select[*tuple[Any, ...]]:
    c = CandidateRecord
    return select(table_of(c)).where(c.job_id == job_id).order_by(c.number)


def _children(session: Session, job_id: str, number: int) -> list[int]:
    """Return the numbers of the candidates that have this one as a parent, in order."""
    c = CandidateRecord
    numbers = select(c.number).where(c.job_id == job_id)
    # A union is one look-up in each index; an `or` would scan the job.
    return sorted(session.scalars(union(*(numbers.where(parent == number) for parent in (c.mother, c.father)))))


def _listed(session: Session, query: Select[*tuple[Any, ...]]) -> list[Candidate]:
    return [candidate_value(row) for row in session.execute(query).mappings()]


def _columns(rows: Sequence[Any], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
