"""The hypervolume reference bounds every metric that may be an objective."""

from __future__ import annotations

import math

import pytest

from evaluator.metrics import COSTS, ON_REQUEST
from search.costs import reference
from search.plan import Plan, SpacePlan


@pytest.mark.parametrize("name", [metric.name for metric in (*COSTS, *ON_REQUEST) if metric.objective])
def test_every_metric_has_a_bound_that_grows_with_the_depth(name: str) -> None:
    small, large = (
        reference(Plan(objectives=(name,), space=SpacePlan(classes=("SA-2", "GMemless"), depth=depth)))[name]
        for depth in (2, 8)
    )
    assert 0 < small <= large < math.inf
    assert small < large or name == "train_seconds"
