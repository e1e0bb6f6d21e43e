"""How far zero-cost signals rank the candidates of a search as training does.

N candidates, R resamples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau

from evaluator.metrics import ON_REQUEST, STATIC, MetricKind
from search.plan import Plan
from search.reports.calibration import FEWEST, agreement

SIGNALS = frozenset(metric.name for metric in ON_REQUEST if metric.kind is MetricKind.SIGNAL)

RESAMPLES = 500
MOST = 1000
"""Candidates that are compared, spread evenly over a longer search: the time grows with their square."""


def signals_compared(
    plan: Plan, candidates: Iterable[tuple[int, Mapping[str, Any], Mapping[str, float]]]
) -> dict[str, Any]:
    """Compare the ranks of candidates by each signal of a plan with those by the first objective that is not exact.

    Correlations are those of the signal and the negative of the objective: positive where a larger signal goes with a
    better candidate, as is claimed of each of them.

    Args:
        candidates: number, choice and metrics of the first training of each candidate that succeeded.
    """
    uncertain = [name for name in plan.objectives if name not in STATIC]
    metric = uncertain[0] if uncertain else None
    found = [metrics for _, _, metrics in candidates] if metric else []
    rows = [_compared(signal, metric, found) for signal in plan.asked if signal in SIGNALS]
    return {"metric": metric, "signals": rows}


def _compared(signal: str, metric: str | None, found: list[Mapping[str, float]]) -> dict[str, Any]:
    pairs = np.array([(one[signal], -one[metric]) for one in found if metric and signal in one])
    ranks: dict[str, float | None] = dict.fromkeys(
        ("rank_correlation", "rank_low", "rank_high", "kendall", "kendall_low", "kendall_high")
    )
    if len(pairs) >= FEWEST:
        signal_N, quality_N = pairs[np.unique(np.linspace(0, len(pairs) - 1, MOST).round().astype(int))].T
        ranks |= {**agreement(signal_N, quality_N), **kendall(signal_N, quality_N)}
    return {"signal": signal, "count": len(pairs), **ranks}


def kendall(first_N: ArrayLike, second_N: ArrayLike, seed: int = 0) -> dict[str, float]:
    """Return Kendall's tau-b, with the ends of its interval of 95 % by the bootstrap (Efron 1979, percentiles).

    A resample weights each candidate by the times that it was drawn, so that tau-b of all resamples is three products
    with the matrices of the signs of all differences.
    """
    first, second = np.asarray(first_N, float), np.asarray(second_N, float)
    count = len(first)
    weights_RN = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)
    signs_NN, others_NN = (np.sign(values[:, None] - values) for values in (first, second))

    def total(matrix_NN: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = ((weights_RN @ matrix_NN) * weights_RN).sum(1)
        return summed

    ties_R = np.sqrt(total(np.abs(signs_NN)) * total(np.abs(others_NN)))
    tau_R = np.divide(total(signs_NN * others_NN), ties_R, out=np.zeros(RESAMPLES), where=ties_R > 0)
    low, high = np.percentile(tau_R, [2.5, 97.5])
    tau = float(kendalltau(first, second).statistic) if np.ptp(first) and np.ptp(second) else 0.0
    return {"kendall": tau, "kendall_low": float(low), "kendall_high": float(high)}
