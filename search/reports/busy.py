"""How many workers a search kept busy over its course.

N spans, E edges of bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 96

Floats = NDArray[np.float64]


def busy(spans: Sequence[tuple[float, float, int]], begin: float, end: float) -> list[float]:
    """Return the mean number of workers that train in each of `BINS` equal parts of a time.

    Args:
        spans: begin and end in seconds, and the number of trainings in this time. Trainings that began in the same part
            and ended in the same part may be one span from their mean begin to their mean end, because the time that
            has elapsed since a moment is linear in it until the end of the part.
        begin, end: the time, in seconds.
    """
    if end <= begin:
        return [0.0] * BINS
    edges_E = np.linspace(begin, end, BINS + 1)
    begun_N, ended_N, count_N = np.array(spans, dtype=float).reshape(-1, 3).T
    worked_E = _elapsed(begun_N - begin, count_N, edges_E - begin) - _elapsed(ended_N - begin, count_N, edges_E - begin)
    means: list[float] = np.round(np.diff(worked_E) / np.diff(edges_E), 6).clip(0).tolist()
    return means


def _elapsed(since_N: Floats, count_N: Floats, at_E: Floats) -> Floats:
    """Return the sum of the times that have elapsed since each moment before, each counted so many times."""
    order_N = np.argsort(since_N)
    before_E = np.searchsorted(since_N[order_N], at_E)
    counts = np.concatenate([[0.0], np.cumsum(count_N[order_N])])
    sums = np.concatenate([[0.0], np.cumsum((count_N * since_N)[order_N])])
    summed: Floats = counts[before_E] * at_E - sums[before_E]
    return summed
