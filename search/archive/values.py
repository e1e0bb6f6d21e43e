"""What the archive hands out: jobs, candidates, events and claims as plain values, and the errors it raises.

ArchiveError
├── NotFoundError          no such job or candidate
├── IllegalActionError     the job's state does not allow the action
├── IdempotencyError       the key was used before for another plan
└── LeaseLostError         another runner has the job now, or it has ended
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands; `TERMINAL` ones never change again."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class CandidateState(StrEnum):
    """What became of one candidate; cancelled ones were under way when their job ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What a person may ask of a job. Each is idempotent."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


LEGAL: dict[Action, frozenset[JobState]] = {
    Action.PAUSE: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}),
    Action.RESUME: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}),
    Action.CANCEL: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
}
"""The states in which each action is legal; where it would change nothing it does nothing."""


class EventKind(StrEnum):
    """`job`: its state changed. `candidate`: proposed, tried again or finished. `frontier`: who entered and left."""

    JOB = "job"
    CANDIDATE = "candidate"
    FRONTIER = "frontier"


@dataclass(frozen=True)
class Job:
    """A search and how far it has come. Times are aware, in UTC.

    Attributes:
        plan: `Plan` as JSON.
        space: `genome.Space` as JSON, with the classes the search has invented so far.
        candidates_total: evaluations the plan asks for.
        done: candidates with an outcome, failed ones included.
        failed: those of `done` that failed.
        hypervolume: share of the box between zero and `reference` that the frontier dominates, 0 to 1.
        reference: the corner of that box, a value for each objective; empty until a runner first takes the job.
        repairs: repaired genes for each gene drawn.
        workers_busy: candidates under evaluation by a live runner.
        seconds_left: an estimate, or None while there is nothing to base it on.
        why: the reason of the present state, where there is one to tell.
    """

    id: str
    name: str
    state: JobState
    plan: dict[str, Any]
    space: dict[str, Any]
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
    workers_busy: int
    seconds_left: float | None
    why: str


@dataclass(frozen=True)
class Candidate:
    """One genome of a job and what is known of it.

    Attributes:
        number: 1, 2, ... in order of proposal.
        genome: its text form.
        attempt: how often it was begun; grows when a runner died with it.
        parents: numbers of the candidates it descends from.
        variation: what made it: `baseline`, `sample`, `mutation` or `crossover+mutation`.
        baseline: the name of the reference architecture it is, or None.
        metrics: by `evaluator.metrics.Metric`, with standard errors; empty unless it succeeded.
        curve: [step, training loss in nats] pairs; lists leave it empty, asking for one candidate fills it.
        failure: an `evaluator.evaluation.Failure`, or None.
        frontier: whether no feasible candidate of the job beats it.
        feasible: whether it keeps the plan's constraints; False until it succeeded.
        weights: whether its trained weights are kept.
    """

    job_id: str
    number: int
    genome: str
    digest: str
    state: CandidateState
    attempt: int
    parents: list[int]
    variation: str
    baseline: str | None
    metrics: dict[str, float]
    curve: list[list[float]]
    failure: str | None
    detail: str
    frontier: bool
    feasible: bool
    seconds: float
    created_at: datetime
    finished_at: datetime | None
    weights: bool


@dataclass(frozen=True)
class Event:
    """Something that happened. `seq` grows in the order in which events become visible."""

    seq: int
    job_id: str
    kind: EventKind
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Claim:
    """A runner's hold on a job. `attempt` fences off every earlier holder.

    Attributes:
        evolution: the state to resume from; None when nothing was proposed yet.
        reference: the hypervolume reference; empty when it is yet to be computed.
    """

    job_id: str
    attempt: int
    runner: str
    lease_seconds: float
    plan: dict[str, Any]
    space: dict[str, Any]
    evolution: dict[str, Any] | None
    reference: dict[str, float]


class ArchiveError(Exception):
    """What an archive cannot do."""


class NotFoundError(ArchiveError, LookupError):
    """There is no such job or candidate."""


class IllegalActionError(ArchiveError):
    """The job's state does not allow the action; the message names both and what is legal."""


class IdempotencyError(ArchiveError):
    """The idempotency key was used before for a different plan or name."""


class LeaseLostError(ArchiveError):
    """Another runner has claimed the job since, or it has ended."""
