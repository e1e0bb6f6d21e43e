"""How far a search's predictions and its short trainings can be trusted.

N candidates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, spearmanr

from evaluator.metrics import STATIC
from search.plan import AlgorithmName, Plan

COVERED = 0.8
"""Probability that a prediction's interval is meant to have."""

FEWEST = 5
"""Predictions with an outcome below which nothing is reported."""


@dataclass(frozen=True)
class Calibration:
    """The agreement of predictions and outcomes.

    Attributes:
        count: predictions whose candidates were trained.
        coverage: share of outcomes inside the interval of 80 % of their prediction.
        coverage_low, coverage_high: interval of 95 % of that share (Wilson).
        rank_correlation: Spearman's correlation of predictions and outcomes.
        rank_low, rank_high: interval of 95 % of that correlation (Fisher's transform; Fieller et al. 1957).
        error: root mean square of the differences, in the unit of the metric.
    """

    count: int
    coverage: float
    coverage_low: float
    coverage_high: float
    rank_correlation: float
    rank_low: float
    rank_high: float
    error: float


def compared(plan: Plan, candidates: Iterable[tuple[int, Mapping[str, Any], Mapping[str, float]]]) -> dict[str, Any]:
    """Compare the predictions of a search with its outcomes, as columns and as a `Calibration`.

    Args:
        candidates: number, choice and metrics of each candidate that succeeded.
    """
    uncertain = [name for name in plan.objectives if name not in STATIC]
    metric = uncertain[0] if plan.algorithm is AlgorithmName.SURROGATE and uncertain else None
    known = [
        (number, choice["predicted"], choice["deviation"], metrics[metric])
        for number, choice, metrics in candidates
        if metric is not None and "predicted" in choice
    ]
    number, predicted, deviation, found = (list(column) for column in zip(*known, strict=True)) if known else ([],) * 4
    summed = calibration(predicted, deviation, found)
    names = [field.name for field in fields(Calibration)]
    summary = asdict(summed) if summed else {**dict.fromkeys(names), "count": len(known)}
    columns = {"number": number, "predicted": predicted, "deviation": deviation, "found": found}
    return {"metric": metric, **summary, **columns}


def calibration(predicted_N: ArrayLike, deviation_N: ArrayLike, found_N: ArrayLike) -> Calibration | None:
    """Compare predictions and their standard deviations with outcomes; None for fewer than `FEWEST`."""
    predicted, deviation, found = (np.asarray(values, float) for values in (predicted_N, deviation_N, found_N))
    count = len(found)
    if count < FEWEST:
        return None
    inside = np.abs(found - predicted) <= norm.ppf(0.5 + COVERED / 2) * deviation
    ranks = agreement(predicted, found)
    low, high = _wilson(int(inside.sum()), count)
    return Calibration(
        count=count,
        coverage=float(inside.mean()),
        coverage_low=low,
        coverage_high=high,
        **ranks,
        error=float(np.sqrt(np.mean((found - predicted) ** 2))),
    )


def rungs_compared(plan: Plan, climbs: Iterable[tuple[int, int, Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Compare the ranks of candidates on neighbouring rungs, in the first objective that is trained.

    Args:
        climbs: number, tokens and metrics of each training that succeeded.
    """
    uncertain = [name for name in plan.objectives if name not in STATIC]
    on: dict[int, dict[int, float]] = {tokens: {} for tokens in plan.levels}
    for number, tokens, metrics in climbs if uncertain else ():
        on[tokens][number] = metrics[uncertain[0]]
    compared = []
    for below, above in pairwise(plan.levels):
        both = sorted(on[below].keys() & on[above].keys())
        ranks = dict.fromkeys(("rank_correlation", "rank_low", "rank_high"))
        if len(both) >= FEWEST:
            ranks |= agreement([on[below][n] for n in both], [on[above][n] for n in both])
        compared.append({"below": below, "above": above, "count": len(both), **ranks})
    return compared


def agreement(first_N: ArrayLike, second_N: ArrayLike) -> dict[str, float]:
    """Return Spearman's correlation of at least `FEWEST` pairs, with the ends of its interval of 95 %."""
    first, second = np.asarray(first_N, float), np.asarray(second_N, float)
    correlation = float(spearmanr(first, second).statistic) if np.ptp(first) and np.ptp(second) else 0.0
    half = 1.96 * math.sqrt(1.06 / (len(first) - 3))
    z = math.atanh(max(-0.999, min(0.999, correlation)))
    return {"rank_correlation": correlation, "rank_low": math.tanh(z - half), "rank_high": math.tanh(z + half)}


def _wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of 95 % of a share."""
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)
