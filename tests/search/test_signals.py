"""The rank correlations of signals with quality, on constructed data."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from search.plan import Plan
from search.reports.signals import MOST, kendall, signals_compared

PLAN = Plan(measure=("synflow", "gradsign", "prefill_ms"))


def candidates(signal_N: np.ndarray, quality_N: np.ndarray):
    rows = zip(signal_N.tolist(), quality_N.tolist(), strict=True)
    return [(n, {}, {"synflow": one, "bits_per_byte": bits}) for n, (one, bits) in enumerate(rows)]


def test_a_larger_signal_of_a_better_candidate_is_a_positive_correlation() -> None:
    quality_N = np.arange(1.0, 9.0)
    found = signals_compared(PLAN, candidates(np.exp(-quality_N), quality_N))
    synflow, gradsign = found["signals"]
    assert (found["metric"], synflow["signal"], synflow["count"]) == ("bits_per_byte", "synflow", 8)
    assert (synflow["rank_correlation"], synflow["kendall"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (gradsign["signal"], gradsign["count"], gradsign["kendall"]) == ("gradsign", 0, None)
    worse = signals_compared(PLAN, candidates(quality_N, quality_N))["signals"][0]
    assert (worse["rank_correlation"], worse["kendall"]) == (pytest.approx(-1.0), pytest.approx(-1.0))


def test_few_candidates_and_a_plan_without_signals_or_quality_say_so() -> None:
    few = signals_compared(PLAN, candidates(np.arange(4.0), np.arange(4.0)))["signals"][0]
    assert (few["count"], few["rank_correlation"], few["kendall"], few["kendall_low"]) == (4, None, None, None)
    assert signals_compared(Plan(), candidates(np.arange(9.0), np.arange(9.0)))["signals"] == []
    exact = Plan(objectives=("parameters",), measure=("synflow",))
    assert signals_compared(exact, candidates(np.arange(9.0), np.arange(9.0)))["metric"] is None


def test_tau_with_ties_counts_pairs() -> None:
    first, second = [1, 2, 2, 3, 4, 4, 6], [2, 1, 3, 3, 5, 4, 4]
    signs = [np.sign([first[j] - first[i], second[j] - second[i]]) for i, j in combinations(range(7), 2)]
    agree = sum(int(a * b) for a, b in signs)
    untied = [sum(int(one[side] != 0) for one in signs) for side in (0, 1)]
    assert kendall(first, second)["kendall"] == pytest.approx(agree / np.sqrt(untied[0] * untied[1]))


def test_the_interval_is_that_of_resampled_candidates_and_covers_the_truth() -> None:
    """Of two normal samples with correlation r, tau is 2 / pi arcsin r (Kendall and Gibbons 1990, eq. 9.19)."""
    rng, inside = np.random.default_rng(0), 0
    truth = 2 / np.pi * np.arcsin(0.6)
    for _ in range(100):
        first_N, noise_N = rng.standard_normal((2, 60))
        found = kendall(first_N, 0.6 * first_N + 0.8 * noise_N)
        inside += found["kendall_low"] <= truth <= found["kendall_high"]
    assert 85 <= inside <= 100
    picks = rng.integers(0, 60, (1000, 60))
    taus = [kendalltau(first_N[pick], (0.6 * first_N + 0.8 * noise_N)[pick]).statistic for pick in picks]
    assert (found["kendall_low"], found["kendall_high"]) == pytest.approx(np.percentile(taus, [2.5, 97.5]), abs=0.05)


def test_a_signal_that_is_the_same_for_all_ranks_nobody() -> None:
    assert set(kendall(np.ones(9), np.arange(9)).values()) == {0.0}


def test_a_long_search_is_compared_on_some_candidates_of_every_part() -> None:
    count = 3 * MOST
    late = np.arange(count) >= count // 2
    rng = np.random.default_rng(1)
    quality_N = rng.random(count)
    found = signals_compared(PLAN, candidates(np.where(late, -quality_N, rng.random(count)), quality_N))["signals"][0]
    assert found["count"] == count
    assert 0.1 < found["kendall_low"] < found["kendall"] < found["kendall_high"] < 0.6
