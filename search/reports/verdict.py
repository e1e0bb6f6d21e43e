"""What the honest finish says: means over seeds, and which leads over the baselines are more than noise.

Candidates with few seeds each share one estimate of the noise: the spread of seeds around the mean of their candidate,
pooled over all of them. A difference of two means then follows Student's distribution with the pooled degrees of
freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from scipy.stats import t as student

from evaluator.metrics import STATIC, STDERR_SUFFIX
from search.plan import Plan

CLEAR = 2.0
"""Standard errors of a difference beyond which it counts as more than noise."""

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Finalist:
    """A candidate of the honest finish.

    Attributes:
        baseline: the name of its reference architecture, or None.
        trainings: the metrics of each of its trainings that succeeded.
        failed: number of its trainings that failed.
    """

    number: int
    genome: str
    baseline: str | None
    trainings: Sequence[Metrics]
    failed: int


@dataclass(frozen=True)
class Noise:
    """The standard deviation of a metric over the seeds of one candidate, and its degrees of freedom."""

    deviation: float
    degrees: int


@dataclass(frozen=True)
class Comparison:
    """A finalist compared with a baseline in one objective.

    Attributes:
        baseline: the number of the baseline.
        difference: the finalist's mean minus the baseline's; negative is better.
        stderr: its standard error; None while the noise is not known.
        probability: of a mean below the baseline's; None while the noise is not known.
        clear: whether the difference is more than `CLEAR` standard errors.
    """

    baseline: int
    metric: str
    difference: float
    stderr: float | None
    probability: float | None
    clear: bool


@dataclass(frozen=True)
class Verdict:
    """A finalist with its means, their standard errors under `<name>_stderr`, and its comparisons."""

    number: int
    genome: str
    baseline: str | None
    seeds: int
    failed: int
    metrics: dict[str, float]
    against: list[Comparison]


def verdicts(plan: Plan, finalists: Sequence[Finalist]) -> list[Verdict]:
    """Return the verdict on every finalist, baselines first, then by the first objective; failures come last.

    Metrics that one of the trainings does not report, as those of older versions may not, are left out.
    """
    rows = [row.keys() for one in finalists for row in one.trainings]
    names = sorted(name for name in set[str]().union(*rows).intersection(*rows) if not _is_stderr(name))
    noises = {name: noise(name, finalists) for name in names}
    baselines = [one for one in finalists if one.baseline and one.trainings]
    found = [
        Verdict(
            number=one.number,
            genome=one.genome,
            baseline=one.baseline,
            seeds=len(one.trainings),
            failed=one.failed,
            metrics=_means(one, noises),
            against=[_compared(one, other, name, noises[name]) for other in baselines for name in plan.objectives]
            if one.trainings and not one.baseline
            else [],
        )
        for one in finalists
    ]
    first = plan.objectives[0]
    return sorted(found, key=lambda one: (one.baseline is None, one.metrics.get(first, math.inf), one.number))


def noise(name: str, finalists: Sequence[Finalist]) -> Noise:
    """Return the pooled spread of a metric over seeds."""
    if name in STATIC:
        return Noise(0.0, 1)
    columns = [[row[name] for row in one.trainings] for one in finalists if len(one.trainings) > 1]
    degrees = sum(len(column) - 1 for column in columns)
    squares = sum((value - fmean(column)) ** 2 for column in columns for value in column)
    return Noise(math.sqrt(squares / degrees) if degrees else math.nan, degrees)


def _means(one: Finalist, noises: Mapping[str, Noise]) -> dict[str, float]:
    means = {}
    for name, spread in noises.items() if one.trainings else ():
        means[name] = fmean(row[name] for row in one.trainings)
        if spread.degrees and name not in STATIC:
            means[name + STDERR_SUFFIX] = spread.deviation / math.sqrt(len(one.trainings))
    return means


def _compared(one: Finalist, baseline: Finalist, name: str, spread: Noise) -> Comparison:
    difference = fmean(row[name] for row in one.trainings) - fmean(row[name] for row in baseline.trainings)
    if name in STATIC:
        better = 0.5 if difference == 0 else float(difference < 0)
        return Comparison(baseline.number, name, difference, 0.0, better, difference != 0)
    if not spread.degrees or spread.deviation == 0:
        return Comparison(baseline.number, name, difference, None, None, False)
    stderr = spread.deviation * math.sqrt(1 / len(one.trainings) + 1 / len(baseline.trainings))
    probability = float(student.cdf(-difference / stderr, spread.degrees))
    return Comparison(baseline.number, name, difference, stderr, probability, abs(difference) > CLEAR * stderr)


def _is_stderr(name: str) -> bool:
    return name.endswith(STDERR_SUFFIX)
