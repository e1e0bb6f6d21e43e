"""How many workers a search kept busy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from search.reports.busy import BINS, busy


def test_the_mean_of_each_part_is_that_of_a_sum_over_trainings() -> None:
    rng = np.random.default_rng(0)
    begun = rng.uniform(-5, 100, 300)
    spans = [(float(one), float(one + rng.uniform(0.1, 30)), int(rng.integers(1, 4))) for one in begun]
    edges = np.linspace(0.0, 96.0, BINS + 1)
    expected = [
        sum(count * max(0.0, min(end, high) - max(start, low)) for start, end, count in spans) / (high - low)
        for low, high in pairwise(edges)
    ]
    assert busy(spans, 0.0, 96.0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("begin", "end"), [(0.0, 10.0), (3.0, 3.0)])
def test_without_a_training_or_without_time_no_worker_is_busy(begin: float, end: float) -> None:
    assert busy([], begin, end) == [0.0] * BINS
