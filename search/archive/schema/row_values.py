"""Plain values made from rows. Times become aware, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from evaluator.evaluation import Failure
from search.archive.schema.tables import EventRecord, InjectionRecord, TrainingRecord
from search.archive.values import (
    TERMINAL,
    Candidate,
    CandidateState,
    Event,
    EventKind,
    Injection,
    Job,
    JobState,
    JobSummary,
    Training,
)
from search.origin import Purpose, Variation
from search.plan.expected import expected_tokens

Row = RowMapping | dict[str, Any]
"""The columns of a row, as a query returned them or as they are known without one."""


def job_value(row: Row) -> Job:
    """Return a job from its columns and two further ones.

    `alive` says whether a runner holds an unexpired lease on it, `last_event` is the number of its last event.
    """
    return Job(**_progress(row), space=row["space"])


def job_summary(row: RowMapping) -> JobSummary:
    """Return the same without its space, whose column the row may lack."""
    return JobSummary(**_progress(row))


def _progress(row: Row) -> dict[str, Any]:
    busy = row["running"] if row["alive"] else 0
    expected = row["tokens"] if row["state"] in TERMINAL else max(row["tokens"], expected_tokens(row["plan"]))
    return {
        "id": row["id"],
        "name": row["name"],
        "state": JobState(row["state"]),
        "plan": row["plan"],
        "created_at": utc(row["created_at"]),
        "started_at": utc_or_none(row["started_at"]),
        "finished_at": utc_or_none(row["finished_at"]),
        "candidates_total": row["total"],
        "done": row["done"],
        "failed": row["failed"],
        "frontier_size": row["frontier_size"],
        "hypervolume": row["hypervolume"],
        "reference": row["reference"],
        "repairs": row["repaired"] / row["genes"] if row["genes"] else 0.0,
        "outcomes": row["outcomes"],
        "tokens": row["tokens"],
        "tokens_expected": expected,
        "workers_busy": busy,
        "seconds_left": _seconds_left(row, expected, busy),
        "why": row["why"],
        "last_event": row["last_event"],
        "key": row["key"],
        "retry_at": utc_or_none(row["retry_at"]),
        "lost": row["lost"],
        "priority": row["priority"],
        "tags": row["tags"].split(),
    }


def candidate_value(row: RowMapping) -> Candidate:
    """Return a candidate from its columns."""
    return Candidate(
        job_id=row["job_id"],
        number=row["number"],
        genome=row["genome"],
        digest=row["digest"],
        state=CandidateState(row["state"]),
        parents=[number for number in (row["mother"], row["father"]) if number is not None],
        variation=Variation(row["variation"]),
        baseline=row["baseline"],
        metrics=row["metrics"],
        choice=row["choice"],
        inherited=row["inherited"] and {name: row["inherited"][name] for name in ("candidate", "livs")},
        tokens=row["tokens"],
        seeds=row["seeds"],
        failure=None if row["failure"] is None else Failure(row["failure"]),
        detail=row["detail"],
        frontier=row["frontier"],
        feasible=row["feasible"],
        seconds=row["seconds"],
        created_at=utc(row["created_at"]),
        finished_at=utc_or_none(row["finished_at"]),
        weights=row["weights"],
    )


def training_value(row: TrainingRecord) -> Training:
    """Return a training."""
    return Training(
        seed=row.seed,
        tokens=row.tokens,
        purpose=Purpose(row.purpose),
        state=CandidateState(row.state),
        attempt=row.attempt,
        outcome=row.outcome,
        metrics=row.metrics,
        curve=row.curve,
        failure=None if row.failure is None else Failure(row.failure),
        detail=row.detail,
        execution=row.execution,
        seconds=row.seconds,
        created_at=utc(row.created_at),
        finished_at=utc_or_none(row.finished_at),
        losses=row.losses,
    )


def injection_value(row: InjectionRecord) -> Injection:
    """Return an injection."""
    return Injection(row.job_id, row.genome, row.digest, row.by, row.number, utc(row.created_at))


def event_value(row: EventRecord) -> Event:
    """Return an event."""
    return Event(row.seq, row.job_id, EventKind(row.kind), row.data, utc(row.at))


def utc(second: float) -> datetime:
    """Return the time that lies so many seconds after 1970-01-01T00:00Z."""
    return datetime.fromtimestamp(second, UTC)


def utc_or_none(second: float | None) -> datetime | None:
    """Return the same for a time that may not be known."""
    return None if second is None else utc(second)


def _seconds_left(row: Row, expected: int, busy: int) -> float | None:
    """Return the mean seconds of a token times the tokens left, divided by the `busy` trainings at a time.

    None unless the job is running and at least one training ended.
    """
    if row["state"] != JobState.RUNNING or row["tokens"] == 0 or busy == 0:
        return None
    left: float = max(0, expected - row["tokens"]) * row["seconds"] / row["tokens"] / busy
    return left
