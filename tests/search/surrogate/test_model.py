"""The surrogate on a landscape with a known answer: its ranks, its intervals, and what pending candidates change."""

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from search.surrogate.model import Surrogate

NOISE = 0.1
NONE = np.zeros((0, 6))


def _landscape(count, seed):
    """Six features, of which three matter, one of them not linearly; outcomes with noise."""
    rng = np.random.default_rng(seed)
    x = rng.random((count, 6))
    return x, 3 + x[:, 0] - 2 * x[:, 1] + np.sin(3 * x[:, 2]), rng.standard_normal(count) * NOISE


@pytest.fixture(scope="module")
def fitted():
    x, y, noise = _landscape(80, 0)
    surrogate = Surrogate()
    surrogate.search_parameters(x, y + noise)
    return surrogate, x, y + noise


def test_it_ranks_genomes_that_it_has_not_seen_and_knows_the_noise(fitted):
    surrogate, x, y = fitted
    unseen, truth, noise = _landscape(300, 1)
    found = surrogate.predict(x, y, NONE, unseen)
    assert spearmanr(found.mean, truth).statistic > 0.95
    assert found.noise == pytest.approx(NOISE, rel=0.5)
    total = np.hypot(found.deviation, found.noise)
    covered = np.mean(np.abs(found.mean - truth - noise) < norm.ppf(0.9) * total)
    assert 0.7 < covered < 0.9


def test_a_pending_candidate_lowers_the_uncertainty_near_it_and_leaves_the_mean(fitted):
    surrogate, x, y = fitted
    place = np.full((1, 6), 0.95)
    alone, beside = (surrogate.predict(x, y, pending, place) for pending in (NONE, place))
    assert beside.deviation[0] < 0.8 * alone.deviation[0]
    assert beside.mean[0] == pytest.approx(alone.mean[0], abs=0.01)


def test_outcomes_that_are_all_alike_are_predicted_too():
    x = np.ones((4, 6))
    surrogate = Surrogate()
    surrogate.search_parameters(x, np.full(4, 2.0))
    found = surrogate.predict(x, np.full(4, 2.0), NONE, x)
    assert found.mean == pytest.approx([2.0] * 4)
    assert np.isfinite(found.deviation).all()
