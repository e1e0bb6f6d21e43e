"""Jobs, candidates, trainings and events as plain values, and their states.

This module imports no database library, so the command line can use it without loading one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from search.origin import Purpose, Variation

if TYPE_CHECKING:
    from evaluator.evaluation import Failure


class JobState(StrEnum):
    """The state of a job. A state in `TERMINAL` ends it; only a failed job can be resumed."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class CandidateState(StrEnum):
    """The state of a candidate or of a training, which is cancelled when its job ends before it has an outcome."""

    RUNNING, SUCCEEDED, FAILED, CANCELLED = "running", "succeeded", "failed", "cancelled"


class Action(StrEnum):
    """A change that a person may request of a job. Each is idempotent."""

    PAUSE, RESUME, CANCEL = "pause", "resume", "cancel"


LEGAL: dict[Action, frozenset[JobState]] = {
    Action.PAUSE: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}),
    Action.RESUME: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.FAILED}),
    Action.CANCEL: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
}
"""The states in which each action is legal. An action that would change nothing does nothing."""


class EventKind(StrEnum):
    """The kind of an event.

    `JOB`: a job changed its state. `CANDIDATE`: a candidate was proposed or its summary changed. `TRAINING`: a further
    training or attempt began, or a training ended. `FRONTIER`: candidates entered or left the frontier. `THINNED`:
    events up to here were removed after the job had ended.
    """

    JOB, CANDIDATE, TRAINING, FRONTIER = "job", "candidate", "training", "frontier"
    THINNED = "thinned"


@dataclass(frozen=True)
class JobSummary:
    """A search and its progress. Times are aware, in UTC.

    Attributes:
        plan: `Plan` as JSON.
        candidates_total: number of evaluations in the plan.
        done: number of candidates with an outcome, failures included.
        hypervolume: share of the box between zero and `reference` that the frontier dominates, 0 to 1.
        reference: a value of each objective; empty until a runner first claims the job.
        repairs: repaired genes divided by genes drawn, 0 to 1.
        outcomes: number of trainings that ended, of any purpose.
        tokens_expected: training tokens at the end, as far as the plan tells; those of an ended job are `tokens`.
        workers_busy: number of trainings under way at a runner with a live lease.
        seconds_left: estimated seconds to the end; None while nothing is done or nothing runs.
        why: the reason for the state; may be empty.
        last_event: number of the job's last event that this value reflects; an event stream continues from it.
        key: id of the API key that submitted it, or None.
        retry_at: the time before which no runner takes it, because it was put off; None for now.
        tags: words by which people find it, in alphabetical order.
        priority: each step doubles its share of the runners' time.
        lost: number of attempts at trainings that were lost and begun again.
    """

    id: str
    name: str
    state: JobState
    plan: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    candidates_total: int
    done: int
    failed: int
    frontier_size: int
    hypervolume: float
    reference: dict[str, float]
    repairs: float
    outcomes: int
    tokens: int
    tokens_expected: int
    workers_busy: int
    seconds_left: float | None
    why: str
    last_event: int
    key: str | None
    retry_at: datetime | None
    lost: int
    priority: int
    tags: list[str]


@dataclass(frozen=True)
class Job(JobSummary):
    """The same with its `genome.Space` as JSON, which has the classes that the search has invented so far."""

    space: dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """One genome of a job, its origin and a summary of its trainings.

    Attributes:
        number: 1, 2, ... in order of proposal.
        parents: numbers of its parents, at most two.
        baseline: the name of its reference architecture, or None.
        metrics: values by name, with `<name>_stderr`; static ones from the proposal on, others once it succeeded.
        choice: why it was chosen, as JSON: `reason` and, from a model, `predicted`, `deviation` and `improvement`.
        inherited: the parent, and how many of its LIVs, whose weights it began with; None if it began from scratch.
        tokens: training tokens behind its metrics; 0 before it has any.
        seeds: trainings of so many tokens, over whose seeds the metrics are means.
        frontier: whether it was trained on the whole budget and no feasible candidate dominates it.
        feasible: whether it satisfies the plan's constraints; False until it succeeded.
        weights: the reference of its trained weights and their seed, as JSON, if they are kept.
    """

    job_id: str
    number: int
    genome: str
    digest: str
    state: CandidateState
    parents: list[int]
    variation: Variation
    baseline: str | None
    metrics: dict[str, float]
    choice: dict[str, Any]
    inherited: dict[str, int] | None
    tokens: int
    seeds: int
    failure: Failure | None
    detail: str
    frontier: bool
    feasible: bool
    seconds: float
    created_at: datetime
    finished_at: datetime | None
    weights: dict[str, Any] | None


@dataclass(frozen=True)
class Training:
    """One training of a candidate: its seed, its tokens and its outcome.

    Attributes:
        attempt: number of times it was begun.
        losses: number of attempts that were lost and not its fault alone, by kind.
        outcome: 1, 2, ... in the order of outcomes of the job; None before it has one.
        curve: [step, training loss in nats] pairs.
        execution: where it ran, and how, as an `evaluator.evaluation.Execution` in JSON; None if nothing is known.
    """

    seed: int
    tokens: int
    purpose: Purpose
    state: CandidateState
    attempt: int
    outcome: int | None
    metrics: dict[str, float]
    curve: list[list[float]]
    failure: Failure | None
    detail: str
    execution: dict[str, Any] | None
    seconds: float
    created_at: datetime
    finished_at: datetime | None
    losses: dict[str, int]


@dataclass(frozen=True)
class Injection:
    """A genome that somebody asked a search to train.

    Attributes:
        by: who asked for it, as that person or program calls itself; may be empty.
        candidate: the number of the candidate that it became, or None while it waits.
    """

    job_id: str
    genome: str
    digest: str
    by: str
    candidate: int | None
    created_at: datetime


@dataclass(frozen=True)
class Event:
    """A change of a job, a candidate or a frontier. `seq` grows in the order in which events become visible."""

    seq: int
    job_id: str
    kind: EventKind
    data: dict[str, Any]
    at: datetime
