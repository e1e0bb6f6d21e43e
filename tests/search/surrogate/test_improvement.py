"""Expected improvement in closed form against draws of the quality, and against hypervolumes of moocore."""

import moocore
import numpy as np
import pytest

from search.surrogate.box import Box
from search.surrogate.improvement import added_volume, expected_improvement

DRAWS = 4_000
RARE = 1e-4
"""Gains that are too rare for draws to show."""


def _case(known, seed):
    """A frontier of 1 + `known` objectives, and five candidates: mean, deviation and costs."""
    rng = np.random.default_rng(seed)
    points = rng.random((8, 1 + known))
    front = points[moocore.is_nondominated(points)]
    return front, rng.random(5), rng.uniform(0.02, 0.4, 5), rng.random((5, known)), np.full(1 + known, 1.1), rng


@pytest.mark.parametrize("known", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_mean_gain_over_draws_of_the_quality(known, seed):
    front, mean, deviation, costs, reference, rng = _case(known, seed)
    found = expected_improvement(mean, deviation, costs, front[:, 0], front[:, 1:], reference)
    before = moocore.hypervolume(front, ref=reference)
    for n in range(5):
        drawn = mean[n] + deviation[n] * rng.standard_normal(DRAWS)
        rows = [np.vstack([front, [quality, *costs[n]]]) for quality in drawn]
        gains = np.array([moocore.hypervolume(row, ref=reference) for row in rows]) - before
        assert abs(found[n] - gains.mean()) < 4 * gains.std() / DRAWS**0.5 + RARE


@pytest.mark.parametrize("known", [1, 2, 3])
def test_the_added_volume_is_the_difference_of_two_hypervolumes(known):
    front, _, _, costs, reference, _ = _case(known, 2)
    found = added_volume(costs, front[:, 1:], reference[1:])
    for n in range(5):
        volumes = [
            moocore.hypervolume(rows, ref=reference[1:]) for rows in (front[:, 1:], np.vstack([front[:, 1:], costs[n]]))
        ]
        assert found[n] == pytest.approx(volumes[1] - volumes[0], abs=1e-12)


def test_a_candidate_that_can_only_be_worse_gains_nothing():
    front = np.array([[1.0, 1.0]])
    gain = expected_improvement(
        np.array([1.5]), np.array([1e-3]), np.array([[1.5]]), front[:, 0], front[:, 1:], np.ones(2) * 2
    )
    assert gain[0] == pytest.approx(0, abs=1e-12)


def test_in_the_box_a_cost_counts_by_its_ratio_and_a_quality_by_its_difference():
    box = Box.between(np.array([2.0, 1e4]), np.array([4.0, 1e6]), np.array([False, True]))
    scaled = box.scaled(np.array([[2.0, 1e4], [3.0, 1e5], [4.0, 1e6], [4.0, 1.0]]))
    assert scaled[:3].tolist() == [pytest.approx([x, x]) for x in (0.0, 0.5, 1.0)]
    assert scaled[3, 1] == pytest.approx(-0.5), "below a thousandth of the largest cost, smaller is no better"
