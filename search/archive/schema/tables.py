"""The tables. Times are seconds since 1970-01-01T00:00Z by the clock of the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from search.archive.listing.order import OBJECTIVES
from search.archive.schema.record import Record, Seq, partial

ORDERED = ("finished_at", *OBJECTIVES)
"""The columns of a candidate by which an index orders the candidates of a job that have a value."""


class JobRecord(Record):
    """A job: its plan, the runner that holds it, and counts that save counting rows.

    `faults` counts how often it was put off since its last outcome, `errors` how often by an exception that nobody
    expected. `lost` counts the attempts at trainings that were lost and begun again.
    `tags` has each tag between two line breaks, so that a search for one finds no part of another.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_state", "state", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(default="")
    plan: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any]]
    reference: Mapped[dict[str, float]] = mapped_column(default=dict)
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]

    attempt: Mapped[int] = mapped_column(default=0)
    runner: Mapped[str] = mapped_column(default="")
    lease_until: Mapped[float | None]
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    retry_at: Mapped[float | None]
    faults: Mapped[int] = mapped_column(default=0, server_default="0")
    errors: Mapped[int] = mapped_column(default=0, server_default="0")
    lost: Mapped[int] = mapped_column(default=0, server_default="0")

    tags: Mapped[str] = mapped_column(default="", server_default="")
    key: Mapped[str | None] = mapped_column(String(16))
    total: Mapped[int]
    proposed: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    running: Mapped[int] = mapped_column(default=0, server_default="0")
    outcomes: Mapped[int] = mapped_column(default=0, server_default="0")
    tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    genes: Mapped[int] = mapped_column(BigInteger, default=0)
    repaired: Mapped[int] = mapped_column(BigInteger, default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    frontier_size: Mapped[int] = mapped_column(default=0)
    hypervolume: Mapped[float] = mapped_column(default=0.0)


class CheckpointRecord(Record):
    """The evolution's state after the latest proposal or outcome, apart from `jobs` so that job rows stay small."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"), primary_key=True)
    evolution: Mapped[dict[str, Any]]


class KeyRecord(Record):
    """An idempotency key, the job it created and a hash of the request that used it."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"))


class CandidateRecord(Record):
    """A candidate and a summary of its trainings. Its parents are columns, so relatives are found by an index.

    `objective_n` is its value of the plan's n-th objective, which `metrics` has too, so that an index orders by it.
    `outcome` is the place in the order of outcomes of the first training on as many tokens as its metrics are from.
    """

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("job_id", "digest", name="candidates_digest"),
        Index("candidates_mother", "job_id", "mother"),
        Index("candidates_father", "job_id", "father"),
        partial("candidates_frontier", "frontier"),
        partial("candidates_running", "state = 'running'"),
        partial("candidates_weights", "weights IS NOT NULL"),
        partial("candidates_failed", "state = 'failed'"),
        partial("candidates_again", "again"),
        *(partial(f"candidates_{column}", f"{column} IS NOT NULL", column) for column in ORDERED),
    )

    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    genome: Mapped[str]
    digest: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    mother: Mapped[int | None]
    father: Mapped[int | None]
    variation: Mapped[str] = mapped_column(String(32))
    baseline: Mapped[str | None]
    metrics: Mapped[dict[str, float]] = mapped_column(default=dict)
    objective_1: Mapped[float | None]
    objective_2: Mapped[float | None]
    objective_3: Mapped[float | None]
    objective_4: Mapped[float | None]
    choice: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    inherited: Mapped[dict[str, Any] | None]
    tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    seeds: Mapped[int] = mapped_column(default=0, server_default="0")
    outcome: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    feasible: Mapped[bool] = mapped_column(default=False)
    frontier: Mapped[bool] = mapped_column(default=False)
    again: Mapped[bool] = mapped_column(default=False, server_default=false())
    weights: Mapped[dict[str, Any] | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float]
    finished_at: Mapped[float | None]


class InjectionRecord(Record):
    """A genome that somebody asked a search to train, and the candidate that it became."""

    __tablename__ = "injections"
    __table_args__ = (UniqueConstraint("job_id", "digest", name="injections_digest"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"))
    genome: Mapped[str]
    digest: Mapped[str] = mapped_column(String(16))
    by: Mapped[str]
    number: Mapped[int | None]
    created_at: Mapped[float]


class TrainingRecord(Record):
    """One training of a candidate and its outcome. A candidate is trained once for each seed and number of tokens.

    `begun` counts the trainings of a job in the order in which they began, `outcome` in the order in which they ended.
    `claim` is the job's attempt under which it was begun last; None once that runner handed it back. `losses` counts
    the lost attempts by their kind.
    """

    __tablename__ = "trainings"
    __table_args__ = (
        ForeignKeyConstraint(["job_id", "number"], ["candidates.job_id", "candidates.number"]),
        partial("trainings_running", "state = 'running'"),
        partial("trainings_ended", "seconds > 0", "finished_at", "seconds"),
        partial("trainings_finish", "purpose = 'honest finish'"),
        partial("trainings_checkpoint", "checkpoint IS NOT NULL"),
    )

    job_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tokens: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    purpose: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=1)
    claim: Mapped[int | None]
    losses: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    spent: Mapped[int] = mapped_column(BigInteger)
    begun: Mapped[int] = mapped_column(default=0, server_default="0")
    outcome: Mapped[int | None]
    metrics: Mapped[dict[str, float]] = mapped_column(default=dict)
    curve: Mapped[list[Any]] = mapped_column(default=list)
    failure: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(default="")
    checkpoint: Mapped[dict[str, Any] | None]
    execution: Mapped[dict[str, Any] | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float]
    finished_at: Mapped[float | None]


class HistoryRecord(Record):
    """The frontier after so many outcomes of trainings, which took so many tokens."""

    __tablename__ = "history"

    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"), primary_key=True)
    outcome: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    done: Mapped[int]
    tokens: Mapped[int] = mapped_column(BigInteger)
    hypervolume: Mapped[float]
    frontier_size: Mapped[int]
    at: Mapped[float]


class EventRecord(Record):
    """A change of a job, a candidate or a frontier, for clients that follow a search live."""

    __tablename__ = "events"
    __table_args__ = (Index("events_job", "job_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Seq, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(String(32), ForeignKey("jobs.id"))
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[float]
