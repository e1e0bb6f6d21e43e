"""Coverage and rank correlation of predictions, with their intervals."""

import numpy as np
import pytest

from search.plan import Plan
from search.reports.calibration import calibration, compared


def test_honest_predictions_are_covered_and_ranked():
    rng = np.random.default_rng(0)
    truth = rng.random(2_000)
    found = truth + 0.05 * rng.standard_normal(2_000)
    result = calibration(truth, np.full(2_000, 0.05), found)
    assert result is not None
    assert result.coverage_low < 0.8 < result.coverage_high
    assert result.coverage_high - result.coverage_low == pytest.approx(2 * 1.96 * (0.8 * 0.2 / 2_000) ** 0.5, rel=0.05)
    assert result.rank_low < result.rank_correlation < result.rank_high
    assert result.rank_correlation > 0.95
    assert result.error == pytest.approx(0.05, rel=0.1)


def test_predictions_that_promise_too_much_are_seen():
    rng = np.random.default_rng(0)
    found = rng.random(200)
    result = calibration(rng.random(200), np.full(200, 0.01), found)
    assert result is not None
    assert result.coverage_high < 0.2
    assert result.rank_low < 0 < result.rank_high


def test_only_candidates_with_a_prediction_count():
    rows = [(n, {"predicted": 3.0 + n, "deviation": 0.5}, {"bits_per_byte": 3.1 + n}) for n in range(6)]
    result = compared(Plan(), [*rows, (7, {"reason": "exploration"}, {"bits_per_byte": 1.0})])
    assert (result["metric"], result["count"], result["number"]) == ("bits_per_byte", 6, list(range(6)))
    assert result["rank_correlation"] == pytest.approx(1.0)
    few = compared(Plan(), rows[:2])
    assert (few["count"], few["coverage"], few["rank_correlation"]) == (2, None, None)


def test_an_algorithm_without_a_model_predicts_no_metric():
    assert compared(Plan.model_validate({"algorithm": "random"}), [])["metric"] is None
