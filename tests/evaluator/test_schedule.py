"""The learning rate over a run."""

import pytest

from evaluator.budget import Budget
from evaluator.schedule import learning_rate


def test_the_rate_rises_stays_and_falls():
    budget = Budget(steps=200, warmup=20, cooldown=0.2, learning_rate=0.5)
    rates = [learning_rate(step, 200, budget, budget.learning_rate) for step in range(1, 201)]
    assert rates[:20] == pytest.approx([0.5 * step / 20 for step in range(1, 21)])
    assert set(rates[19:160]) == {0.5}
    assert rates[159:] == sorted(rates[159:], reverse=True)
    assert rates[160] == pytest.approx(0.5 * (1 - (1 / 41) ** 0.5))
    assert rates[-1] == pytest.approx(0.5 * (1 - (40 / 41) ** 0.5))


@pytest.mark.parametrize(("warmup", "cooldown"), [(0, 0.0), (5, 0.2), (50, 1.0)])
@pytest.mark.parametrize("end", [1, 2, 5])
def test_any_warmup_and_cooldown_give_positive_rates(warmup, cooldown, end):
    budget = Budget(steps=5, warmup=warmup, cooldown=cooldown)
    assert all(0 < learning_rate(step, end, budget, 0.5) <= 0.5 for step in range(1, end + 1))
