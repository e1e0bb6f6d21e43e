"""Objectives, feasibility, the frontier and its hypervolume, computed from the metrics of candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import moocore
import numpy as np
from numpy.typing import NDArray

from evaluator.evaluation import Evaluation, Failure
from search.plan import Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Standing:
    """The frontier after a candidate was compared with it.

    Attributes:
        entered: numbers of the candidates that came onto the frontier.
        left: numbers of the candidates that left it.
        size: number of candidates on the frontier.
        hypervolume: share of the box between zero and the reference that is dominated, 0 to 1.
    """

    entered: tuple[int, ...]
    left: tuple[int, ...]
    size: int
    hypervolume: float


class Frontier:
    """The candidates of one job that no other candidate dominates; every objective is minimised.

    Of candidates with equal objectives only the first is on the frontier.

    Args:
        reference: the far corner of the box in which hypervolume is measured; all values positive.
        points: the objectives of the feasible candidates, by number.

    Raises:
        ValueError: the reference has a value that is not finite and positive.
    """

    def __init__(self, reference: Sequence[float], points: Mapping[int, Sequence[float]]) -> None:
        if not all(math.isfinite(value) and value > 0 for value in reference):
            raise ValueError(f"the hypervolume reference must be finite and positive, not {list(reference)}")
        self._reference = np.asarray(reference, dtype=float)
        self._points = _Points(len(reference), points)
        self._members = self._nondominated(sorted(points))
        self._hypervolume = self._share()

    def add(self, number: int, point: Sequence[float] | None) -> Standing:
        """Compare a candidate with the frontier, and put it on the frontier when no member dominates it.

        Args:
            point: its objectives, which replace those that it had; None when it is not feasible any more.
        """
        former = self._points.replaced(number, point)
        known, before = former is not None, self._members
        if point is None and not known:
            return self.standing()
        compared = before - {number} if point is None else before | {number}
        if former is not None and number in before:
            compared = compared | self._points.behind(former)  # it may have been what kept them off the frontier
        self._members = self._nondominated(sorted(compared))
        if self._members != before or known:
            self._hypervolume = self._share()
        entered = tuple(sorted(self._members - before))
        left = tuple(sorted(before - self._members))
        return replace(self.standing(), entered=entered, left=left)

    @property
    def members(self) -> tuple[int, ...]:
        """The numbers of the candidates on the frontier, in order."""
        return tuple(sorted(self._members))

    def foremost(self) -> list[int]:
        """Return the members in the order in which they deserve further work.

        First the best one by the first objective, then by the hypervolume that would be lost without each.
        """
        members = self.members
        if len(members) < 2:
            return list(members)
        first = min(members, key=lambda number: self._points.of([number])[0, 0])
        lost_K = moocore.hv_contributions(self._scaled(members), ref=np.ones(len(self._reference)))
        order = [members[int(k)] for k in np.argsort(-lost_K, kind="stable")]
        return [first, *(number for number in order if number != first)]

    def standing(self) -> Standing:
        """Return the frontier as it is."""
        return Standing((), (), len(self._members), self._hypervolume)

    def _nondominated(self, numbers: Sequence[int]) -> set[int]:
        if not numbers:
            return set()
        stays = moocore.is_nondominated(self._points.of(numbers))
        return {number for number, stay in zip(numbers, stays, strict=True) if stay}

    def _share(self) -> float:
        if not self._members:
            return 0.0
        return float(moocore.hypervolume(self._scaled(self.members), ref=np.ones(len(self._reference))))

    def _scaled(self, numbers: Sequence[int]) -> Floats:
        scaled_KD: Floats = self._points.of(numbers) / self._reference
        return scaled_KD


class _Points:
    """The objectives of candidates by number, in one matrix, so that one is compared with all others at once."""

    def __init__(self, width: int, points: Mapping[int, Sequence[float]]) -> None:
        self._rows_NK: Floats = np.array(list(points.values()), dtype=float).reshape(len(points), width)
        self._row_of = {number: row for row, number in enumerate(points)}
        self._numbers = list(points)

    def of(self, numbers: Sequence[int]) -> Floats:
        """Return the objectives of some candidates."""
        found: Floats = self._rows_NK[[self._row_of[number] for number in numbers]]
        return found

    def replaced(self, number: int, point: Sequence[float] | None) -> Floats | None:
        """Replace the objectives of a candidate, or remove it, and return those that it had."""
        row = self._row_of.get(number)
        former = None if row is None else self._rows_NK[row].copy()
        if row is not None and point is None:
            self._rows_NK[row] = np.nan  # which is behind nothing
            del self._row_of[number]
        elif point is not None:
            row = self._new_row(number) if row is None else row
            self._rows_NK[row] = point
        return former

    def behind(self, point: Floats) -> set[int]:
        """Return the candidates that are better than a point in no objective."""
        used_NK = self._rows_NK[: len(self._numbers)]
        return {self._numbers[row] for row in np.flatnonzero((used_NK >= point).all(axis=1)).tolist()}

    def _new_row(self, number: int) -> int:
        row = self._row_of[number] = len(self._numbers)
        self._numbers.append(number)
        if row == len(self._rows_NK):
            more_NK = np.full((max(16, row), self._rows_NK.shape[1]), np.nan)
            self._rows_NK = np.concatenate([self._rows_NK, more_NK])
        return row


def far_corner(reference: Mapping[str, float], plan: Plan) -> list[float]:
    """Return the hypervolume reference in the order of the objectives.

    Raises:
        ValueError: it lacks an objective, or has a value that is not finite and positive.
    """
    missing = [metric for metric in plan.objectives if metric not in reference]
    if missing:
        raise ValueError(f"the hypervolume reference lacks {', '.join(missing)}")
    far = [reference[metric] for metric in plan.objectives]
    Frontier(far, {})
    return far


def objectives(metrics: Mapping[str, float], plan: Plan) -> list[float]:
    """Return the metrics a plan minimises, in its order.

    Raises:
        KeyError: a metric is missing.
    """
    return [float(metrics[metric]) for metric in plan.objectives]


def violation(metrics: Mapping[str, float], plan: Plan) -> float:
    """Return the sum of relative excesses over the plan's limits; 0 when all are kept.

    Limits of metrics that are not known yet are left out.
    """
    return sum(limit.excess(metrics[limit.metric]) for limit in plan.constraints if limit.metric in metrics)


def broken_limits(metrics: Mapping[str, float], plan: Plan) -> list[str]:
    """Return in words which of the plan's limits these metrics break."""
    told = [limit.told(metrics[limit.metric]) for limit in plan.constraints if limit.metric in metrics]
    return [words for words in told if words]


def judged(evaluation: Evaluation, plan: Plan) -> Evaluation:
    """Return the evaluation, or a failure when a metric is not finite or a metric of the plan is missing.

    Losses that are not finite are removed from the curve, so the curve ends where training diverged.
    """
    evaluation = replace(evaluation, curve=tuple(point for point in evaluation.curve if math.isfinite(point[1])))
    if evaluation.failure is not None:
        return replace(evaluation, metrics={}, weights=None, checkpoint=None)
    infinite = sorted(name for name, value in evaluation.metrics.items() if not math.isfinite(value))
    if infinite:
        return _failed(evaluation, Failure.DIVERGED, f"{', '.join(infinite)} was not finite")
    missing = sorted(plan.judged_metrics - evaluation.metrics.keys())
    if missing:
        return _failed(evaluation, Failure.RAISED, f"the evaluator did not report {', '.join(missing)}")
    return evaluation


def _failed(evaluation: Evaluation, failure: Failure, detail: str) -> Evaluation:
    return replace(evaluation, metrics={}, weights=None, checkpoint=None, failure=failure, detail=detail)
