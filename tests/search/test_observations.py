"""What several trainings of a candidate say together."""

from __future__ import annotations

import pytest

from search.observations import Observations, mean_metrics
from search.plan import Constraint, Plan

PLAN = Plan(constraints=(Constraint(metric="bits_per_byte", at_most=2.0),))


def trained(quality: float, stderr: float = 0.03) -> dict[str, float]:
    return {"bits_per_byte": quality, "bits_per_byte_stderr": stderr, "parameters": 10.0}


def test_the_mean_over_seeds_has_the_error_of_their_spread() -> None:
    found = mean_metrics([trained(1.9), trained(2.1), trained(2.3)])
    assert found == pytest.approx({"bits_per_byte": 2.1, "bits_per_byte_stderr": 0.2 / 3**0.5, "parameters": 10.0})


def test_seeds_that_agree_by_luck_are_not_more_certain_than_one() -> None:
    assert mean_metrics([trained(2.0), trained(2.0001)])["bits_per_byte_stderr"] == pytest.approx(0.03)


def test_a_metric_that_one_training_lacks_has_no_mean() -> None:
    found = mean_metrics([trained(2.0) | {"state_bytes": 1.0, "decode_ms": 2.0, "decode_ms_stderr": 0.1}, trained(2.2)])
    assert found.keys() == trained(2.0).keys()


def test_more_tokens_replace_fewer_and_the_mean_decides_what_is_feasible() -> None:
    observations = Observations(PLAN)
    assert observations.add(1, 100, trained(2.5)).feasible is False
    first = observations.add(1, 400, trained(1.95))
    assert (first.tokens, first.seeds, first.feasible) == (400, 1, True)
    second = observations.add(1, 400, trained(2.25))
    assert (second.seeds, second.feasible) == (2, False)
    assert second.metrics["bits_per_byte"] == pytest.approx(2.1)
