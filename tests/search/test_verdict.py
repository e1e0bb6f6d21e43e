"""Verdicts of the honest finish: means, pooled noise, and the probability of beating a baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.plan import Plan
from search.reports.verdict import Finalist, noise, verdicts

PLAN = Plan(objectives=("bits_per_byte", "parameters"))


def finalist(number: int, values: list[float], parameters: float = 100.0, baseline: str | None = None) -> Finalist:
    rows = [{"bits_per_byte": v, "bits_per_byte_stderr": 0.01, "parameters": parameters} for v in values]
    return Finalist(number, "1.1.1.1.1", baseline, rows, 0)


def test_the_probability_is_that_of_a_simulation_with_the_same_noise() -> None:
    """Means over 3 seeds around the observed difference, with the noise drawn from its own posterior."""
    rng = np.random.default_rng(0)
    found = verdicts(PLAN, [finalist(1, [2.0, 2.1, 2.2], baseline="B"), finalist(2, [1.95, 2.02, 2.09])])
    (quality, _) = found[1].against
    squares = 0.02 + 0.0098
    deviations = np.sqrt(squares / rng.chisquare(4, 400_000))
    differences = quality.difference + deviations * np.sqrt(2 / 3) * rng.standard_normal(400_000)
    assert quality.probability == pytest.approx((differences < 0).mean(), abs=0.005)
    assert quality.difference == pytest.approx(-0.08)
    assert quality.stderr == pytest.approx(np.sqrt(squares / 4) * np.sqrt(2 / 3))
    assert not quality.clear


def test_a_clear_lead_is_told_from_one_within_the_noise() -> None:
    baseline = finalist(1, [2.0, 2.1, 2.2], baseline="B")
    found = {
        one.number: one for one in verdicts(PLAN, [finalist(2, [1.0, 1.1, 1.2]), baseline, finalist(3, [2.0] * 3)])
    }
    assert found[2].against[0].clear
    assert found[2].against[0].probability == pytest.approx(1, abs=1e-3)
    assert not found[3].against[0].clear
    assert found[1].against == []


def test_exact_costs_are_compared_exactly() -> None:
    baseline = finalist(1, [2.0, 2.1], 100.0, "B")
    found = verdicts(PLAN, [baseline, finalist(2, [2.0, 2.1], 90.0), finalist(3, [2.0, 2.1], 100.0)])
    sizes = {one.number: one.against[1] for one in found if one.against}
    assert (sizes[2].difference, sizes[2].probability, sizes[2].clear) == (-10.0, 1.0, True)
    assert (sizes[3].difference, sizes[3].probability, sizes[3].clear) == (0.0, 0.5, False)


def test_the_noise_is_pooled_over_candidates_and_not_over_their_differences() -> None:
    rng = np.random.default_rng(1)
    many = [finalist(n, list(n + 0.05 * rng.standard_normal(3))) for n in range(300)]
    found = noise("bits_per_byte", many)
    assert found.degrees == 600
    assert found.deviation == pytest.approx(0.05, rel=0.1)


def test_a_metric_that_trainings_before_an_upgrade_lack_is_left_out() -> None:
    before, after = finalist(1, [2.0, 2.1], baseline="B"), finalist(2, [1.9, 2.0])
    after = replace(after, trainings=[*after.trainings[:1], {**after.trainings[1], "state_bytes": 5.0}])
    assert [one.metrics.keys() for one in verdicts(PLAN, [before, after])] == [
        {"bits_per_byte", "bits_per_byte_stderr", "parameters"}
    ] * 2


def test_a_finish_under_way_says_what_it_knows() -> None:
    found = verdicts(
        PLAN, [finalist(1, [2.0], baseline="B"), finalist(2, [1.9]), Finalist(3, "1.1.1.1.1", None, [], 3)]
    )
    assert [one.number for one in found] == [1, 2, 3]
    assert (found[1].against[0].probability, found[1].against[0].clear) == (None, False)
    assert "bits_per_byte_stderr" not in found[1].metrics
    assert (found[2].metrics, found[2].failed, found[2].against) == ({}, 3, [])
