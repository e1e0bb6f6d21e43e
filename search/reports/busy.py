"""How many workers a search kept busy over its course.

N trainings, E edges of bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 96

Floats = NDArray[np.float64]


def busy(spans: Sequence[tuple[float, float]], begin: float, end: float) -> list[float]:
    """Return the mean number of workers that train in each of `BINS` equal parts of a time.

    Args:
        spans: begin and end of each training, in seconds.
        begin, end: the time, in seconds.
    """
    if end <= begin:
        return [0.0] * BINS
    edges_E = np.linspace(begin, end, BINS + 1)
    begun_N, ended_N = np.array(spans, dtype=float).reshape(-1, 2).T - begin
    worked_E = _elapsed(begun_N, edges_E - begin) - _elapsed(ended_N, edges_E - begin)
    means: list[float] = np.round(np.diff(worked_E) / np.diff(edges_E), 6).clip(0).tolist()
    return means


def _elapsed(since_N: Floats, at_E: Floats) -> Floats:
    """Return the sum of the times that have elapsed since each moment before."""
    sorted_N = np.sort(since_N)
    count_E = np.searchsorted(sorted_N, at_E)
    summed: Floats = count_E * at_E - np.concatenate([[0.0], np.cumsum(sorted_N)])[count_E]
    return summed
