"""What the pool says when nobody has initialised Ray."""

import pytest
import ray

from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.pool import RayEvaluator
from evaluator.tasks.recall import RecallTask
from genome import Shape, Space


def test_submitting_says_that_ray_must_be_initialised_and_does_not_start_it():
    assert not ray.is_initialized()
    space = Space.of(["SA-1"], depth=1).to_json()
    pool = RayEvaluator(1)
    with pytest.raises(RuntimeError, match="Ray is not initialised"):
        pool.submit(Request(1, 1, "1.1.1.1.1", space, Shape(8, 8, 256), RecallTask(), Budget()))
    assert (pool.busy, pool.collect(timeout=0)) == (0, [])
    pool.close()
    assert not ray.is_initialized()
