"""Responses about jobs: a search, its progress, and its candidates in columns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.web.schemas.body import ByMetric, Sent
from evaluator.evaluation import Failure
from search.archive.custody.disk import Stored
from search.archive.values import CandidateState, Job, JobState
from search.origin import Variation


class JobSummary(Sent):
    """A search and its progress."""

    id: str
    name: str
    state: JobState
    plan: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    candidates_total: int = Field(description="evaluations that the plan asks for")
    done: int = Field(description="candidates with an outcome, failed ones included")
    failed: int
    outcomes: int = Field(description="trainings that ended; a candidate may have several")
    tokens: int = Field(description="training tokens of the trainings that ended")
    tokens_expected: int = Field(description="training tokens at the end, as far as the plan tells")
    frontier_size: int
    hypervolume: float = Field(description="share, 0 to 1, of the box between the reference point and the origin")
    reference: dict[str, float] = Field(
        description="reference point of the hypervolume by objective; empty until a runner begins"
    )
    repairs: float = Field(description="share of drawn genes that repair had to change")
    workers_busy: int
    seconds_left: float | None = Field(description="estimated seconds until the search ends")
    why: str = Field(description="reason for the present state, or empty")
    last_event: int = Field(description="number of the last event that this reflects; a stream continues from it")
    key: str | None = Field(description="id of the API key that submitted it; null on an open service")
    retry_at: datetime | None = Field(description="time before which no runner takes it, because it was put off")
    priority: int = Field(description="each step doubles its share of the runners' time")
    tags: list[str] = Field(description="words by which it is found, in alphabetical order")
    lost: int = Field(description="attempts at trainings that were lost, for example with a worker, and begun again")


class JobView(JobSummary):
    """A search with its space, which is needed to decode its genomes."""

    space: dict[str, Any]
    weights_bytes: int = Field(description="size of its trained weights in the store of artifacts")
    checkpoints_bytes: int = Field(description="size of the checkpoints there from which trainings may go on")

    @classmethod
    def of(cls, job: Job, stored: Stored) -> JobView:
        """Return a search as the API shows it."""
        sizes = {"weights_bytes": stored.weights, "checkpoints_bytes": stored.checkpoints}
        return cls.model_validate({**vars(job), **sizes})


class JobPage(Sent):
    """A page of searches, newest first."""

    jobs: list[JobSummary]
    next_page_token: str | None
    last_event: int = Field(description="number of an event of any search; this page reflects all events up to it")


class RunnerView(Sent):
    """A runner that gave a sign of life lately."""

    name: str = Field(description="its host and process")
    workers: int = Field(description="candidates that it trains at once")
    version: str
    started_at: datetime
    seen_at: datetime
    jobs: list[str] = Field(description="ids of the searches that it holds")


class Runners(Sent):
    """The runners that live; without one no search goes on."""

    runners: list[RunnerView]


class Points(Sent):
    """All candidates of a job in columns; row i of every list is one candidate."""

    number: list[int]
    state: list[CandidateState]
    frontier: list[bool]
    feasible: list[bool]
    baseline: list[str | None]
    variation: list[Variation]
    genome: list[str]
    failure: list[Failure | None]
    tokens: list[int] = Field(description="training tokens behind the metrics; 0 before there are any")
    seeds: list[int] = Field(description="trainings over whose seeds the metrics are means")
    outcome: list[int | None] = Field(
        description="place in the order of the job's outcomes of the first training on so many tokens"
    )
    metrics: Annotated[dict[str, list[float | None]], ByMetric] = Field(
        description="values that are no whole numbers with six significant digits"
    )


class History(Sent):
    """The progress of a search in columns; row i is the state after the training that ended as number `outcome[i]`."""

    outcome: list[int]
    done: list[int] = Field(description="candidates with an outcome")
    tokens: list[int] = Field(description="training tokens of the trainings that had ended")
    hypervolume: list[float]
    frontier_size: list[int]
    at: list[datetime]
