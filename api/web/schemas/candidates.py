"""Responses about candidates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from api.web.exports.place import WeightsPlace
from api.web.schemas.body import ByMetric, Sent
from evaluator.evaluation import Failure
from search.archive.values import CandidateState
from search.origin import Purpose, Reason, Variation


class ChoiceView(Sent):
    """Why a candidate was chosen; a model adds what it predicted before the training."""

    reason: Reason | None = None
    predicted: float | None = Field(default=None, description="predicted value of the uncertain objective")
    deviation: float | None = Field(default=None, description="standard deviation of one training around it")
    improvement: float | None = Field(
        default=None, description="expected gain of hypervolume, in the box that the search chooses by"
    )
    share: float | None = Field(default=None, description="that gain as a share of what is dominated in this box")
    by: str | None = Field(default=None, description="who asked for it while the search ran, if they gave a name")


class InjectionView(Sent):
    """A genome that a search was asked to train."""

    job_id: str
    genome: str
    digest: str
    by: str
    candidate: int | None = Field(description="number of the candidate that it became; null while it waits")
    created_at: datetime


class InheritedView(Sent):
    """The weights that a candidate began with; the others were fresh."""

    candidate: int = Field(description="number of the parent")
    livs: int = Field(description="number of LIVs that began with its weights")


class CandidateView(Sent):
    """One architecture of a search and the results of its evaluation."""

    number: int
    genome: str
    digest: str
    state: CandidateState
    parents: list[int]
    variation: Variation = Field(description="origin of the genome")
    baseline: str | None = Field(description="name, if it is one of the known architectures that a search starts from")
    metrics: Annotated[dict[str, float], ByMetric] = Field(
        description="static ones from the proposal on; standard errors under <metric>_stderr"
    )
    choice: ChoiceView
    inherited: InheritedView | None = Field(
        description="null if it began from scratch, as it does in every repeat and in the honest finish"
    )
    tokens: int = Field(description="training tokens behind the metrics; 0 before there are any")
    seeds: int = Field(description="trainings of so many tokens, over whose seeds the metrics are means")
    failure: Failure | None
    detail: str = Field(description="explanation of the failure; empty without one")
    frontier: bool = Field(
        description="whether it was trained on the whole budget and no other feasible candidate dominates it"
    )
    feasible: bool = Field(description="whether it satisfies the plan's constraints")
    seconds: float = Field(description="wall time of its trainings")
    created_at: datetime
    finished_at: datetime | None
    weights: Annotated[bool, BeforeValidator(bool)] = Field(description="whether its trained weights are kept")


class ExecutionView(Sent):
    """Where a training ran, and how."""

    device: str = Field(description="name of the GPU, or `cpu`")
    forms: dict[str, list[str]] = Field(
        description="by operator, the forms in which it ran: `c`, `triton` or a library for a kernel, `torch` for "
        "PyTorch; only operators that have kernels are listed"
    )
    parts: int = Field(description="parts in which a batch was computed; more than 1 where a GPU's memory was full")
    peak_bytes: int | None = Field(description="most bytes of the GPU's memory in use at one time; null on a CPU")


class TrainingView(Sent):
    """One training of a candidate."""

    seed: int
    tokens: int = Field(description="training tokens, those of a shorter training that it goes on from included")
    purpose: Purpose = Field(description="what it is for; an honest finish changes nothing in the search")
    state: CandidateState
    attempt: int = Field(description="times it was begun; more than 1 after a lost worker or runner, or a restart")
    losses: dict[str, int] = Field(description="lost attempts by the way in which they were lost")
    outcome: int | None = Field(description="place in the order of the job's outcomes")
    metrics: Annotated[dict[str, float], ByMetric]
    curve: list[tuple[int, float]] = Field(description="(step, training loss in nats)")
    failure: Failure | None
    detail: str = Field(description="explanation of the failure; empty without one")
    execution: ExecutionView | None = Field(
        description="null before its end, when its worker was lost, and when it was taken over from an earlier search"
    )
    seconds: float = Field(description="wall time")
    created_at: datetime
    finished_at: datetime | None


class CandidatePage(Sent):
    """A page of candidates in the order in which they were proposed."""

    candidates: list[CandidateView]
    next_page_token: str | None


class Candidates(Sent):
    """The candidates on the frontier."""

    candidates: list[CandidateView]


class AncestorView(CandidateView):
    """An ancestor of a candidate."""

    generation: int = Field(description="generations back: 1 for a parent; the fewest where there are several ways")


class AncestorList(Sent):
    """The ancestors of a candidate, each once, by generation and number."""

    candidates: list[AncestorView]
    complete: bool = Field(description="whether these are all; the bounds of the request may leave older ones out")


class Relative(Sent):
    """A parent or a child."""

    number: int
    genome: str
    state: CandidateState
    variation: Variation


class CandidateDetail(CandidateView):
    """A candidate with its trainings, its blueprint, its cost, its parents and its children."""

    trainings: list[TrainingView] = Field(description="in the order in which they began")
    weights_place: WeightsPlace = Field(description="place of its weights; it can be exported when they are `here`")
    blueprint: list[dict[str, Any]]
    cost: dict[str, Any]
    parent_candidates: list[Relative]
    children: list[Relative] = Field(description="the first of them; the address below, /children, has all in pages")
    children_total: int = Field(description="number of all children")


class Export(Sent):
    """A model to download, in a format."""

    download: str = Field(description="path of the zip archive")
    files: list[str] = Field(description="paths in the archive, below its only folder")
