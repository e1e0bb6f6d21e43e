"""Jobs, candidates, events and claims as plain values, and their states.

This module imports no database library, so the command line can use it without loading one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from search.origin import Variation

if TYPE_CHECKING:
    from evaluator.evaluation import Failure


class JobState(StrEnum):
    """The state of a job. A state in `TERMINAL` never changes again."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class CandidateState(StrEnum):
    """The state of a candidate. A candidate is cancelled when its job ends before it has an outcome."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """A change that a person may request of a job. Each is idempotent."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


LEGAL: dict[Action, frozenset[JobState]] = {
    Action.PAUSE: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}),
    Action.RESUME: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED}),
    Action.CANCEL: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
}
"""The states in which each action is legal. An action that would change nothing does nothing."""


class EventKind(StrEnum):
    """The kind of an event.

    `JOB`: a job changed its state. `CANDIDATE`: a candidate was proposed, begun again or finished. `FRONTIER`:
    candidates entered or left the frontier.
    """

    JOB = "job"
    CANDIDATE = "candidate"
    FRONTIER = "frontier"


@dataclass(frozen=True)
class Job:
    """A search and its progress. Times are aware, in UTC.

    Attributes:
        plan: `Plan` as JSON.
        space: `genome.Space` as JSON, with the classes that the search has invented so far.
        candidates_total: number of evaluations in the plan.
        done: number of candidates with an outcome, failures included.
        failed: number of candidates that failed.
        hypervolume: share of the box between zero and `reference` that the frontier dominates, 0 to 1.
        reference: a value of each objective; empty until a runner first claims the job.
        repairs: repaired genes divided by genes drawn, 0 to 1.
        workers_busy: number of candidates that a runner with a live lease evaluates.
        seconds_left: estimated seconds to the end; None while nothing is done or nothing runs.
        why: the reason for the state; may be empty.
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
    """One genome of a job, its origin and its outcome.

    Attributes:
        number: 1, 2, ... in order of proposal.
        genome: its text form.
        attempt: number of times its evaluation was begun; more than 1 after the death of a runner.
        parents: numbers of its parents, at most two.
        baseline: the name of its reference architecture, or None.
        metrics: values by metric name, standard errors under `<name>_stderr`. The static ones are exact and known
            from the proposal on, the others once it succeeded.
        choice: why it was chosen, as JSON: `reason` and, from a model, `predicted`, `deviation` and `improvement`.
        outcome: 1, 2, ... in order of outcomes; None before it has one.
        curve: [step, training loss in nats] pairs; empty in lists, filled by `Archive.candidate`.
        failure: the kind of failure, or None.
        detail: the message of the failure.
        frontier: whether no feasible candidate of the job dominates it.
        feasible: whether it satisfies the plan's constraints; False until it succeeded.
        seconds: wall time of its evaluation.
        weights: whether a runner keeps its trained weights on disk.
    """

    job_id: str
    number: int
    genome: str
    digest: str
    state: CandidateState
    attempt: int
    parents: list[int]
    variation: Variation
    baseline: str | None
    metrics: dict[str, float]
    choice: dict[str, Any]
    outcome: int | None
    curve: list[list[float]]
    failure: Failure | None
    detail: str
    frontier: bool
    feasible: bool
    seconds: float
    created_at: datetime
    finished_at: datetime | None
    weights: bool


class PastCandidate(NamedTuple):
    """Of a candidate what a search resumes from; for the meaning of each see `Candidate`."""

    number: int
    genome: str
    digest: str
    state: str
    metrics: dict[str, float]
    outcome: int | None


@dataclass(frozen=True)
class Event:
    """A change of a job, a candidate or a frontier. `seq` grows in the order in which events become visible."""

    seq: int
    job_id: str
    kind: EventKind
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Claim:
    """The right of one runner to work on a job.

    Attributes:
        attempt: number of claims on the job so far; a claim with a lower number no longer holds.
        runner: a name for people to read.
        lease_seconds: time after the last heartbeat at which another runner may claim the job.
        plan: `Plan` as JSON.
        space: `genome.Space` as JSON.
        evolution: the state of the evolution to resume from; None when nothing was proposed yet.
        reference: the hypervolume reference; empty when it was not computed yet.
    """

    job_id: str
    attempt: int
    runner: str
    lease_seconds: float
    plan: dict[str, Any]
    space: dict[str, Any]
    evolution: dict[str, Any] | None
    reference: dict[str, float]
