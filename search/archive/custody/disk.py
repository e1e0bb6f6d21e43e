"""The bytes that searches hold in the store of artifacts, from the sizes in their references."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, cast, func, select, text

from search.archive.schema.record import table_of
from search.archive.schema.tables import CandidateRecord, TrainingRecord
from search.archive.transactions import Transactions


class Stored(NamedTuple):
    """Bytes of trained weights, and of checkpoints from which trainings go on."""

    weights: int
    checkpoints: int


NOTHING = Stored(0, 0)
"""What a search holds that never began."""


class Disk(Transactions):
    """Counts what is stored."""

    def stored(self, job_id: str | None = None) -> Stored:
        """Return the bytes of one job, or of all. Weights that an early version stored without a size count as none."""
        query, of = (_ALL, {}) if job_id is None else (_OF_JOB, {"job_id": job_id})
        with self._looking() as session:
            return Stored(*(size or 0 for size in session.execute(query, of).one()))


def _sizes(*conditions: Any) -> Any:
    c, t = table_of(CandidateRecord).c, table_of(TrainingRecord).c
    # As literal text, so that SQLite sees that a partial index has all the rows.
    weights = _sum(c.weights).where(text("candidates.weights IS NOT NULL"), *(one(c) for one in conditions))
    checkpoints = _sum(t.checkpoint).where(text("trainings.checkpoint IS NOT NULL"), *(one(t) for one in conditions))
    return select(weights.scalar_subquery(), checkpoints.scalar_subquery())


def _sum(reference: Any) -> Any:
    return select(func.sum(cast(reference["size"].as_string(), BigInteger)))


_ALL, _OF_JOB = _sizes(), _sizes(lambda columns: columns.job_id == bindparam("job_id"))
