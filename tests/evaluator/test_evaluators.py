"""One suite for both evaluators; the pool runs on real processes."""

import dataclasses

import pytest
import torch

from evaluator.artifacts import Artifacts
from evaluator.budget import Budget
from evaluator.evaluation import Failure, Request, Store
from evaluator.inline import InlineEvaluator
from evaluator.pool import RayEvaluator
from evaluator.tasks.recall import RecallTask
from genome import Shape, Space
from tests.evaluator.behaviours import (
    BEHAVIOURS,
    WEIGHTS,
    asked,
    collected,
    diverges,
    fails,
    good,
    hangs,
    outcome,
    runs_out_of_memory,
)

pytestmark = pytest.mark.slow


def test_a_result_comes_back_whole_with_its_attempt(evaluator):
    result = outcome(evaluator, asked(good, attempt=7))
    expected = good(asked(good, attempt=7))
    assert result.metrics.keys() == expected.metrics.keys()
    assert (result.candidate, result.attempt, result.curve) == (0, 7, expected.curve)
    assert (result.seed, result.tokens) == (expected.seed, expected.tokens)
    assert result.weights == WEIGHTS
    assert result.failure is None


@pytest.mark.parametrize(
    ("behaviour", "seconds", "failure", "says"),
    [
        (diverges, 60, Failure.DIVERGED, "DivergenceError: the loss is nan"),
        (fails, 60, Failure.RAISED, "KeyError"),
        (runs_out_of_memory, 60, Failure.OUT_OF_MEMORY, "CUDA out of memory"),
        (hangs, 0.2, Failure.TIMED_OUT, "still running after"),
    ],
)
def test_a_failure_is_an_outcome_and_the_next_candidate_is_evaluated(evaluator, behaviour, seconds, failure, says):
    result = outcome(evaluator, asked(behaviour, attempt=3, seconds=seconds))
    assert (result.candidate, result.attempt) == (BEHAVIOURS.index(behaviour), 3)
    assert result.failure is failure
    assert says in result.detail
    assert "\n" not in result.detail
    assert (result.metrics, result.weights) == ({}, None)
    assert result.seconds >= 0
    assert outcome(evaluator, asked(good)).failure is None


def test_no_more_is_taken_than_there_is_capacity_and_all_comes_back_once(evaluator):
    for attempt in range(evaluator.capacity):
        assert evaluator.busy == attempt
        evaluator.submit(asked(good, attempt))
    assert evaluator.busy == evaluator.capacity
    with pytest.raises(RuntimeError, match="candidate 0"):
        evaluator.submit(asked(good, attempt=99))
    results = collected(evaluator, evaluator.capacity)
    assert sorted(result.attempt for result in results) == list(range(evaluator.capacity))
    assert evaluator.busy == 0


def test_collecting_from_an_empty_evaluator_gives_nothing(evaluator):
    assert evaluator.busy == 0
    assert evaluator.collect(timeout=1e6) == []


def test_closing_abandons_what_is_under_way_and_the_evaluator_may_be_used_again(evaluator):
    evaluator.submit(asked(hangs, seconds=1000))
    evaluator.close()
    evaluator.close()
    assert evaluator.busy == 0
    assert evaluator.collect(timeout=0) == []
    assert outcome(evaluator, asked(good, attempt=2)).attempt == 2


@pytest.mark.usefixtures("_cluster")
def test_a_real_candidate_is_the_same_on_both(tmp_path):
    space = Space.of(["SA-1", "GMemless"], depth=2).to_json()
    budget = Budget(steps=5, batch=4, length=32, validation=8, warmup=1)
    request = Request(1, 1, "1.1.1.1.1-9.1.1.1.1", space, Shape(16, 8, 32), RecallTask(symbols=32, pairs=4), budget)
    request = dataclasses.replace(request, store=Store(str(tmp_path), "job/1"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = RayEvaluator(1)
    try:
        here, there = outcome(InlineEvaluator(), request), outcome(pool, dataclasses.replace(request, attempt=2))
    finally:
        torch.set_num_threads(threads)
        pool.close()
    assert here.failure is there.failure is None
    assert here.curve == there.curve
    assert here.weights is not None
    assert there.weights is not None
    artifacts = Artifacts(str(tmp_path))
    assert artifacts.read(here.weights) == artifacts.read(there.weights)
    for name in ("recall_error", "recall_error_stderr", "parameters", "cache_bytes"):
        assert here.metrics[name] == there.metrics[name]
