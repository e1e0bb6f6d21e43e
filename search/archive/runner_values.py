"""What a runner reads of the job it holds, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from search.observations import Summary


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
        age: seconds since the first claim on the job.
        priority: each step doubles the share of the job.
    """

    job_id: str
    attempt: int
    runner: str
    lease_seconds: float
    plan: dict[str, Any]
    space: dict[str, Any]
    evolution: dict[str, Any] | None
    reference: dict[str, float]
    age: float = 0.0
    priority: int = 0


class Lease(NamedTuple):
    """The lease of a claim: the job, the attempt of the claim, and its end in seconds by the database's clock."""

    job_id: str
    attempt: int
    until: float


class TrainingKey(NamedTuple):
    """What tells the trainings of a job apart."""

    number: int
    seed: int
    tokens: int


class InFlight(NamedTuple):
    """A training that was begun and has no outcome; `spent` are the tokens that it reads itself.

    `inherited` is the `Inherited` of its candidate as JSON, or None.
    `claim` is the attempt of the claim under which it was begun last, None once that runner handed it back; `losses`
    counts its lost attempts by kind.
    """

    number: int
    seed: int
    tokens: int
    purpose: str
    attempt: int
    spent: int
    genome: str
    baseline: str | None
    inherited: dict[str, Any] | None = None
    claim: int | None = None
    losses: dict[str, int] = {}  # noqa: RUF012 -- a field of a named tuple; nobody changes it

    @property
    def key(self) -> TrainingKey:
        """What tells it from the other trainings of its job."""
        return TrainingKey(self.number, self.seed, self.tokens)

    def shown(self) -> dict[str, Any]:
        """Return what its row and its events hold."""
        return {name: getattr(self, name) for name in ("number", "seed", "tokens", "purpose", "attempt")}


class Inherited(NamedTuple):
    """What a candidate began with: so many LIVs of a parent, its number, its genome and its weights as JSON."""

    candidate: int
    livs: int
    genome: str
    weights: dict[str, Any]


class PastCandidate(NamedTuple):
    """Of a candidate what a search resumes from; for the meaning of each see `Candidate`."""

    number: int
    genome: str
    digest: str
    variation: str
    baseline: str | None
    metrics: dict[str, float]


class Waiting(NamedTuple):
    """A genome that waits to be injected; for the meaning of each see `Injection`."""

    genome: str
    by: str


class PastTraining(NamedTuple):
    """Of a training what a search resumes from; for the meaning of each see `Training`."""

    number: int
    seed: int
    tokens: int
    purpose: str
    state: str
    metrics: dict[str, float]
    spent: int
    begun: int
    outcome: int | None
    checkpoint: dict[str, Any] | None


class TakenOver(NamedTuple):
    """A candidate of an earlier search that becomes one of a new search; `number` is the one that it had."""

    number: int
    genome: str
    digest: str
    baseline: str | None
    summary: Summary
    trainings: list[PastTraining]
