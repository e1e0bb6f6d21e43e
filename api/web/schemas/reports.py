"""Responses about what a search says about itself: predictions, rungs, signals, and the honest finish."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.web.schemas.body import ByMetric, Sent


class Predictions(Sent):
    """Agreement of a search's predictions with the outcomes; fields are null while fewer than five are known."""

    metric: str | None = Field(description="the objective that is predicted; null if the algorithm predicts none")
    count: int = Field(description="predictions whose candidates were trained")
    coverage: float | None = Field(description="share of outcomes inside the 80 % interval of their prediction")
    coverage_low: float | None = Field(description="lower end of the 95 % interval of that share")
    coverage_high: float | None
    rank_correlation: float | None = Field(description="Spearman's correlation of predictions and outcomes")
    rank_low: float | None = Field(description="lower end of its 95 % interval")
    rank_high: float | None
    error: float | None = Field(description="root mean square of the differences")
    number: list[int] = Field(description="candidates with a prediction and an outcome; the lists below follow it")
    predicted: list[float]
    deviation: list[float]
    found: list[float]


class RungView(Sent):
    """Agreement of the ranks of the candidates that were trained on two rungs; null below five candidates."""

    below: int = Field(description="training tokens of the lower rung")
    above: int = Field(description="training tokens of the next one")
    count: int = Field(description="candidates on both")
    rank_correlation: float | None = Field(description="Spearman's correlation of the first objective that is trained")
    rank_low: float | None = Field(description="lower end of its 95 % interval")
    rank_high: float | None


class Rungs(Sent):
    """Agreement of neighbouring rungs, the lowest first. Only promising candidates climb, which lowers it."""

    rungs: list[RungView]


class SignalView(Sent):
    """Agreement of a signal of fresh models with their quality after training; null below five candidates."""

    signal: str = Field(description="name of the signal, which is a metric of candidates")
    count: int = Field(description="candidates with the signal that were trained")
    rank_correlation: float | None = Field(
        description="Spearman's, positive where a larger signal goes with a better value"
    )
    rank_low: float | None = Field(description="lower end of its 95 % interval")
    rank_high: float | None
    kendall: float | None = Field(description="Kendall's tau-b, with the same sign")
    kendall_low: float | None = Field(description="lower end of its 95 % interval, by the bootstrap")
    kendall_high: float | None


class Signals(Sent):
    """How far the zero-cost signals that a plan names rank its candidates as their first training does."""

    metric: str | None = Field(description="the objective that stands for quality; null if all objectives are exact")
    signals: list[SignalView]


class Workers(Sent):
    """The workers that a search kept busy, from its start until its end or now, in equal parts of that time."""

    begin: datetime
    end: datetime
    busy: list[float] = Field(
        description="mean number of workers that trained in each part; attempts that were lost are left out"
    )


class ComparisonView(Sent):
    """A finalist compared with a baseline in one objective, all of which are minimised."""

    baseline: int = Field(description="number of the baseline")
    metric: str
    difference: float = Field(description="the finalist's mean minus the baseline's; negative is better")
    stderr: float | None = Field(description="its standard error; null while the noise is not known")
    probability: float | None = Field(description="probability that the finalist's mean is lower")
    clear: bool = Field(description="whether the difference is more than two standard errors")


class FinalistView(Sent):
    """A candidate of the honest finish."""

    number: int
    genome: str
    baseline: str | None
    seeds: int = Field(description="trainings that succeeded, each with a seed that the search did not use")
    failed: int
    metrics: Annotated[dict[str, float], ByMetric] = Field(
        description="means over the seeds; standard errors, from the noise of all finalists, under <metric>_stderr"
    )
    against: list[ComparisonView] = Field(description="comparisons with each baseline in each objective")


class Finish(Sent):
    """The honest finish of a search as far as it has come; baselines first, then the best by the first objective."""

    seeds: int = Field(description="seeds of each finalist that the plan asks for; 0 for no honest finish")
    finalists: list[FinalistView]
