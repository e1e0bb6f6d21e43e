"""The ancestors of a candidate, back to the founders of its line."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from search.archive.errors import NotFoundError
from search.archive.schema.record import table_of
from search.archive.schema.row_values import candidate_value
from search.archive.schema.tables import CandidateRecord
from search.archive.transactions import Transactions
from search.archive.values import Candidate


@dataclass(frozen=True)
class Ancestors:
    """The ancestors of a candidate, each once.

    Attributes:
        found: number of generations back (1 for a parent) and candidate, in the order of both. A candidate that is an
            ancestor in several ways counts for the nearest one.
        complete: whether these are all; bounds may leave the oldest out.
    """

    found: list[tuple[int, Candidate]]
    complete: bool


class Descent(Transactions):
    """The reads that follow candidates to their parents."""

    def ancestors(self, job_id: str, number: int, generations: int, most: int) -> Ancestors:
        """Return the ancestors of a candidate, at most so many generations back and so many in all.

        One query finds each generation, by the primary key. Parents have smaller numbers than their children.

        Raises:
            NotFoundError: there is no such job or candidate.
        """
        found: list[tuple[int, Candidate]] = []
        with self._reading() as session:
            own = _candidates(session, job_id, {number})
            if not own:
                raise NotFoundError(f"there is no candidate {number} in job {job_id!r}")
            seen, wanted, left_out = {number}, set(own[0].parents), False
            for generation in range(1, generations + 1):
                chosen = set(sorted(wanted)[: most - len(found)])
                left_out |= len(chosen) < len(wanted)
                if not chosen:
                    break
                line = _candidates(session, job_id, chosen)
                found += [(generation, one) for one in line]
                seen |= chosen
                wanted = {parent for one in line for parent in one.parents} - seen
        return Ancestors(found, not wanted and not left_out)


def _candidates(session: Session, job_id: str, numbers: Set[int]) -> list[Candidate]:
    c = CandidateRecord
    query = select(table_of(c)).where(c.job_id == job_id, c.number.in_(sorted(numbers))).order_by(c.number)
    return [candidate_value(row) for row in session.execute(query).mappings()]
