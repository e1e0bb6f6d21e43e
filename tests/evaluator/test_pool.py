"""The pool of worker processes: lost workers, replaced processes, and candidates under way at the same time."""

import os
import signal
from contextlib import closing

import pytest
import torch

from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.pool import RayEvaluator, gpu_share
from evaluator.pool.worker import Worker
from tests.evaluator.behaviours import (
    BEHAVIOURS,
    asked,
    behave,
    breaks_the_device,
    collected,
    good,
    kills_its_process,
    outcome,
    returns_what_cannot_be_sent,
    takes_all_memory,
    waits_for_the_file,
)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("behaviour", "failure", "says"),
    [
        (kills_its_process, Failure.KILLED, "killed or crashed"),
        (takes_all_memory, Failure.OUT_OF_MEMORY, "its limit is 1024 MiB"),
        (returns_what_cannot_be_sent, Failure.RAISED, "pickle"),
    ],
)
def test_a_worker_that_is_lost_is_an_outcome_and_another_takes_over(pool, behaviour, failure, says):
    result = outcome(pool, asked(behaviour, attempt=4))
    assert (result.candidate, result.attempt) == (BEHAVIOURS.index(behaviour), 4)
    assert result.failure is failure
    assert says in result.detail
    assert outcome(pool, asked(good)).failure is None


def test_a_worker_that_dies_between_candidates_is_no_candidates_fault(pool):
    process = outcome(pool, asked(good)).metrics["process"]
    os.kill(int(process), signal.SIGKILL)
    result = outcome(pool, asked(good))
    assert result.failure is None
    assert result.metrics["process"] != process


@pytest.mark.usefixtures("_cluster")
@pytest.mark.parametrize("own", [None, "glibc.malloc.check=0"])
def test_a_process_has_huge_pages_unless_its_environment_says_otherwise(own, monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", own)

    def settings(request: Request) -> Evaluation:
        return Evaluation.of(request, detail=os.environ.get("GLIBC_TUNABLES", ""))

    with closing(RayEvaluator(1, settings)) as evaluator:
        found = outcome(evaluator, asked(good)).detail
    assert ("glibc.malloc.hugetlb=1" in found) is (own is None)


@pytest.mark.usefixtures("_cluster")
def test_a_process_is_replaced_after_a_device_error_and_after_so_many_candidates():
    pool = RayEvaluator(1, behave, candidates=2)

    def process() -> float:
        return outcome(pool, asked(good)).metrics["process"]

    try:
        first = process()
        broken = outcome(pool, asked(breaks_the_device))
        assert (broken.failure, broken.detail) == (
            Failure.DEVICE,
            "RuntimeError: CUDA error: an illegal memory access was encountered",
        )
        second = process()
        assert second != first
        assert process() == second, "the second of two candidates"
        assert process() not in (first, second), "both candidates of the process are evaluated"
    finally:
        pool.close()


def test_a_slow_candidate_does_not_hold_up_a_quick_one(pool, tmp_path):
    pool.submit(asked(waits_for_the_file, genome=str(tmp_path / "go")))
    for attempt in range(3):
        pool.submit(asked(good, attempt))
        (result,) = collected(pool, 1)
        assert (result.candidate, result.attempt) == (0, attempt)
        assert pool.busy == 1
    assert pool.collect(timeout=0) == []
    (tmp_path / "go").touch()
    (result,) = collected(pool, 1)
    assert result.candidate == BEHAVIOURS.index(waits_for_the_file)


def test_two_candidates_are_under_way_at_the_same_time(pool, tmp_path):
    for attempt in range(2):
        pool.submit(asked(waits_for_the_file, attempt, genome=str(tmp_path / "go")))
    (tmp_path / "go").touch()
    assert len({result.metrics["process"] for result in collected(pool, 2)}) == 2


@pytest.mark.parametrize("workers", [0, -1])
def test_a_pool_needs_a_worker(workers):
    with pytest.raises(ValueError, match="workers must be 1 or more"):
        RayEvaluator(workers)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("share", "limits"), [(0.25, [0.95 * 0.25]), (1.0, [])])
def test_a_worker_with_a_share_of_a_gpu_has_the_same_share_of_its_memory(share, limits, monkeypatch):
    limited: list[float] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", limited.append)
    Worker(behave, None, 1, share)
    assert limited == [], "there is no GPU"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    Worker(behave, None, 1, share)
    assert limited == limits


@pytest.mark.parametrize("gpus", [1, 2, 3, 8])
@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16])
def test_shares_of_gpus_fit_and_are_the_largest_that_do(gpus, workers):
    share = gpu_share(gpus, workers)
    on_each = round(1 / share)
    assert share <= 1
    assert gpus * on_each >= workers
    assert on_each == 1 or gpus * (on_each - 1) < workers
    assert gpu_share(0, workers) == 0
