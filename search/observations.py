"""What the trainings of a candidate say together: means over seeds, at the most tokens it was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evaluator.metrics import STDERR_SUFFIX
from genome import Genome
from search.algorithms.algorithm import Outcome
from search.objectives import objectives, violation
from search.origin import Purpose
from search.plan import Plan

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """A candidate after its trainings.

    Attributes:
        metrics: means over the seeds, with standard errors.
        tokens: the tokens of each of these trainings.
        seeds: their number.
        feasible: whether the means keep the plan's limits.
    """

    metrics: dict[str, float]
    tokens: int
    seeds: int
    feasible: bool


class Observations:
    """The metrics of every training of a job that succeeded, by candidate; only the most tokens of each are kept."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tokens: dict[int, int] = {}
        self._found: dict[int, list[Metrics]] = {}

    def add(self, number: int, tokens: int, metrics: Metrics) -> Summary:
        """Take on a training, and return the candidate after it."""
        if tokens > self._tokens.get(number, 0):
            self._tokens[number], self._found[number] = tokens, []
        if tokens == self._tokens[number]:
            self._found[number].append(metrics)
        found = self._found[number]
        metrics = mean_metrics(found)
        return Summary(metrics, self._tokens[number], len(found), violation(metrics, self._plan) == 0)


def outcome(plan: Plan, number: int, genome: Genome, tokens: int, purpose: str, metrics: Metrics | None) -> Outcome:
    """Return the outcome of a training as the evolution learns it; `metrics` is None after a failure."""
    return Outcome(
        number=number,
        genome=genome,
        objectives=None if metrics is None else objectives(metrics, plan),
        violation=0.0 if metrics is None else violation(metrics, plan),
        tokens=None if tokens == plan.budget.tokens else tokens,
        repeated=purpose == Purpose.REPEAT,
        earlier=purpose == Purpose.WARM_START,
        retried=purpose == Purpose.RETRY,
    )


def mean_metrics(found: Sequence[Metrics]) -> dict[str, float]:
    """Return the mean of every metric over trainings with different seeds, and its standard error.

    Metrics that one of the trainings does not report, as those of older versions may not, are left out.
    The standard error of one training is its own, from the validation sequences. That of several comes from their
    spread, but is not below their own: they share the validation sequences, and a few seeds may agree by luck.
    """
    if len(found) == 1:
        return dict(found[0])
    reported = [name for name in found[0] if all(name in one for one in found)]
    names = [name for name in reported if not name.endswith(STDERR_SUFFIX)]
    columns = {name: [one[name] for one in found] for name in names}
    means = {name: fmean(column) for name, column in columns.items()}
    errors = {name for name in reported if name.endswith(STDERR_SUFFIX)}
    spread = {name: stderr(columns[name.removesuffix(STDERR_SUFFIX)]) for name in errors}
    return means | {name: max(spread[name], fmean(one[name] for one in found)) for name in errors}


def stderr(values: Sequence[float]) -> float:
    """Return the standard error of a mean of at least two values."""
    mean = fmean(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))
