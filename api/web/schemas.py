"""What goes over the wire: request and response models, the source of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.web.task_views import TaskView
from search.plan import PRESETS

MAX_GENOME = 16_384
"""Characters: 256 LIVs of five long numbers."""


def printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters, line breaks or unpaired surrogates")
    return text


Line = Annotated[str, AfterValidator(printable)]


class Received(BaseModel):
    """A request body: unknown fields and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class JobRequest(Received):
    """A search to run: a preset and what to change in it."""

    name: Line = Field(default="", max_length=200, description="shown in lists; the preset's name when empty")
    preset: Line = Field(default="laptop", max_length=100, description=f"one of {', '.join(PRESETS)}")
    plan: dict[str, Any] = Field(
        default={},
        description="fields of the plan that differ from the preset; GET /v1/presets has the presets and the schema",
        examples=[{"candidates": 20, "space": {"depth": 4}}],
    )


class CostRequest(Received):
    """A genome and the sizes it is to be built in."""

    genome: Line = Field(min_length=1, max_length=MAX_GENOME, examples=["1.1.1.1.1-9.1.1.1.1", "21211-91111"])
    width: int = Field(default=64, ge=1, le=65536, description="channels of the residual stream")
    head_dim: int | None = Field(default=None, ge=1, le=4096, description="channels of a head; chosen when absent")
    vocab: int = Field(default=256, ge=1, le=1_000_000)
    window: int = Field(default=64, ge=1, le=1_048_576, description="tokens that a banded operator reaches")
    context: int = Field(default=4096, ge=1, le=16_777_216, description="tokens at which the cache is counted")


class Sent(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


class JobSummary(Sent):
    """A search and how far it is."""

    id: str
    name: str
    state: str = Field(description="queued, running, paused, succeeded, failed or cancelled")
    plan: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    candidates_total: int = Field(description="evaluations the plan asks for")
    done: int = Field(description="evaluations that ended, failed ones included")
    failed: int
    frontier_size: int
    hypervolume: float = Field(description="share, 0 to 1, of the box between the reference point and the origin")
    reference: dict[str, float] = Field(description="the worst corner of that box; empty until a runner begins")
    repairs: float = Field(description="share of drawn genes that repair had to change")
    workers_busy: int
    seconds_left: float | None = Field(description="estimate")
    why: str = Field(description="the reason of a failure, or empty")


class JobView(JobSummary):
    """A search with the space its genomes mean something in."""

    space: dict[str, Any]


class JobPage(Sent):
    """Newest first."""

    jobs: list[JobSummary]
    next_page_token: str | None


class CandidateView(Sent):
    """One architecture of a search and what is known of it."""

    number: int
    genome: str
    digest: str
    state: str = Field(description="running, succeeded, failed or cancelled")
    attempt: int
    parents: list[int]
    variation: str = Field(description="how it came to be, e.g. sample, baseline, crossover+mutation")
    baseline: str | None
    metrics: dict[str, float] = Field(description="standard errors under <metric>_stderr")
    curve: list[tuple[int, float]] = Field(description="(step, training loss in nats)")
    failure: str | None
    detail: str
    frontier: bool
    feasible: bool
    seconds: float
    created_at: datetime
    finished_at: datetime | None
    weights: bool = Field(description="whether its trained weights are kept, so that it can be exported")


class CandidatePage(Sent):
    """In the order they were proposed."""

    candidates: list[CandidateView]
    next_page_token: str | None


class Candidates(Sent):
    """The frontier."""

    candidates: list[CandidateView]


class Relative(Sent):
    """A parent or a child."""

    number: int
    genome: str
    state: str
    variation: str


class CandidateDetail(CandidateView):
    """A candidate with its drawing, its cost and its family."""

    blueprint: list[dict[str, Any]]
    cost: dict[str, Any]
    parent_candidates: list[Relative]
    children: list[Relative]


class Points(Sent):
    """All candidates of a job in columns; row i of every list is one candidate."""

    number: list[int]
    state: list[str]
    frontier: list[bool]
    feasible: list[bool]
    baseline: list[str | None]
    genome: list[str]
    failure: list[str | None]
    metrics: dict[str, list[float | None]]


class History(Sent):
    """How a search went, in columns; row i is the state after an evaluation."""

    done: list[int]
    hypervolume: list[float]
    frontier_size: list[int]
    at: list[datetime]


class Export(Sent):
    """A runnable model to take away: genome.json, model.safetensors, README.md."""

    download: str = Field(description="path of the zip archive")
    files: list[str]


class CatalogueClass(Sent):
    """One LIV class."""

    id: int
    name: str
    digits: list[int]
    structure: str
    differential: bool
    state: str = Field(description="elements kept while decoding, at width 64 with heads of 16")
    decode_flops: int = Field(description="to decode one token at position 4,096, at the same shape")
    source: str
    says: str


class Catalogue(Sent):
    classes: list[CatalogueClass]


class Presets(Sent):
    """Ready plans, the tasks a plan may name, and the JSON schema of a plan."""

    presets: dict[str, dict[str, Any]]
    tasks: list[TaskView]
    plan_schema: dict[str, Any]


class CostView(Sent):
    """What a genome would cost, without building it."""

    genome: str = Field(description="canonical form")
    width: int
    head_dim: int
    vocab: int
    context: int
    parameters: int
    cache_bytes: int
    flops_per_token: int
    livs: list[dict[str, Any]]
    blueprint: list[dict[str, Any]]


class Health(Sent):
    status: str
    version: str
