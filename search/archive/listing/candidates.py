"""The candidates of a job in pages, in any order and by filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import ColumnElement, TextClause, literal, select, text, tuple_
from sqlalchemy.orm import Session

from evaluator.evaluation import Failure
from search.archive.listing.order import Order
from search.archive.paging import Page, page_key, page_length
from search.archive.queries import require_job
from search.archive.schema.record import table_of
from search.archive.schema.row_values import candidate_value
from search.archive.schema.tables import CandidateRecord
from search.archive.transactions import Transactions
from search.archive.values import Candidate, CandidateState

BY_NUMBER = Order()


@dataclass(frozen=True)
class Sought:
    """What is asked of listed candidates; None asks nothing.

    Attributes:
        contains: id of a class that at least one of their LIVs has.
    """

    state: CandidateState | None = None
    failure: Failure | None = None
    frontier: bool | None = None
    contains: int | None = None

    def conditions(self) -> list[ColumnElement[bool] | TextClause]:
        # States and the frontier as literal text: SQLite uses a partial index only where the query's text implies the
        # index's condition. The values are those of enumerations.
        c = CandidateRecord
        found: list[ColumnElement[bool] | TextClause] = []
        if self.state is not None:
            found.append(text(f"candidates.state = '{self.state}'"))
        if self.failure is not None:
            found += [text("candidates.state = 'failed'"), c.failure == self.failure]
        if self.frontier is not None:
            found.append(text("candidates.frontier" if self.frontier else "NOT candidates.frontier"))
        if self.contains is not None:
            found.append((literal("-") + c.genome).contains(f"-{self.contains}."))
        return found


ALL = Sought()


def listing_of(job_id: str, sought: Sought = ALL, order: Order = BY_NUMBER) -> str:
    """Return the name by which a page token knows the listing that it belongs to."""
    return f"candidates/{job_id}/{order}/{astuple(sought)}"


class CandidateLists(Transactions):
    """The reads of many candidates."""

    def candidates(
        self,
        job_id: str,
        page_size: int = 50,
        page_token: str | None = None,
        *,
        sought: Sought = ALL,
        order: Order = BY_NUMBER,
    ) -> Page[Candidate]:
        """Return a page of candidates. An order by anything but the number leaves out those that have no value of it.

        A page begins after the place that the last row of the page before has now.

        Raises:
            NotFoundError: there is no such job.
            ValueError: page_size is not positive, or page_token was not issued by this listing.
        """
        c, column = CandidateRecord, getattr(CandidateRecord, order.column)
        listing = listing_of(job_id, sought, order)
        size, after = page_length(page_size), page_key(listing, page_token)
        keys = [c.number] if column is c.number else [column, c.number]
        query = select(table_of(c)).where(c.job_id == job_id, *sought.conditions())
        if not sought.frontier:  # its few candidates have every value, and are found by their own index and sorted
            query = query.where(column.is_not(None))
        query = query.order_by(*(key.desc() if order.descending else key for key in keys)).limit(size + 1)
        # Without a transaction: further statements say only why there is no candidate, or where a page begins.
        with self._looking() as session:
            if after is not None:
                last = (after,) if column is c.number else _place(session, job_id, after, keys)
                query = query.where(tuple_(*keys) < last if order.descending else tuple_(*keys) > last)
            found = [candidate_value(row) for row in session.execute(query).mappings()]
            if not found:  # what a page with candidates shows to be there
                require_job(session, job_id)
                if after is not None:
                    _place(session, job_id, after, keys)
        return Page.of(found, [one.number for one in found], size, listing)


def _place(session: Session, job_id: str, number: int, keys: Sequence[ColumnElement[Any]]) -> Any:
    """Return the values by which a candidate has its place in an order.

    Raises:
        ValueError: there is no such candidate.
    """
    c = CandidateRecord
    found = session.execute(select(*keys).where(c.job_id == job_id, c.number == number)).first()
    if found is None:
        raise ValueError("page_token names a candidate that the search does not have")
    return found
