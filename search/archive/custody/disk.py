"""The bytes that searches hold in the store of artifacts, from the sizes in their references."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, cast, func, select, text

from search.archive.schema.tables import CandidateRecord, TrainingRecord
from search.archive.transactions import Transactions


class Stored(NamedTuple):
    """Bytes of trained weights, and of checkpoints from which trainings go on."""

    weights: int
    checkpoints: int


class Disk(Transactions):
    """Counts what is stored."""

    def stored(self, job_id: str | None = None) -> Stored:
        """Return the bytes of one job, or of all. Weights that an early version stored without a size count as none."""
        c, t = CandidateRecord, TrainingRecord
        # As literal text, so that SQLite sees that a partial index has all the rows.
        weights = _sum(c, c.weights, text("candidates.weights IS NOT NULL"), job_id)
        checkpoints = _sum(t, t.checkpoint, text("trainings.checkpoint IS NOT NULL"), job_id)
        with self._reading() as session:
            return Stored(*(size or 0 for size in session.execute(select(weights, checkpoints)).one()))


def _sum(table: Any, reference: Any, kept: Any, job_id: str | None) -> Any:
    query = select(func.sum(cast(reference["size"].as_string(), BigInteger))).where(kept)
    return (query if job_id is None else query.where(table.job_id == job_id)).scalar_subquery()
