"""One suite for both evaluators; the pool runs on real processes.

What a candidate does is chosen by its number, from the table below, inside the function the evaluator is given.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import ray
import torch

from evaluator.budget import Budget
from evaluator.evaluation import Evaluation, Evaluator, Failure, Request
from evaluator.failure import DivergenceError
from evaluator.inline import InlineEvaluator
from evaluator.pool import RayEvaluator, gpu_share
from evaluator.tasks.recall import RecallTask
from genome import Shape, Space

MEMORY_BYTES = 2**30
ALLOCATED_AT_ONCE = 64 * 2**20
WEIGHTS = bytes(range(256)) * 20_000  # 5 MB: more than Ray sends inside a message


def good(request: Request) -> Evaluation:
    return Evaluation(
        request.candidate,
        request.attempt,
        metrics={"bits_per_byte": 2.5, "process": float(os.getpid())},
        curve=((1, 5.0), (2, 4.0)),
        seconds=1.5,
        weights=WEIGHTS,
    )


def diverges(request: Request) -> Evaluation:
    raise DivergenceError("the loss is nan")


def fails(request: Request) -> Evaluation:
    raise KeyError("no such\nfeature")


def runs_out_of_memory(request: Request) -> Evaluation:
    raise torch.OutOfMemoryError("CUDA out of memory")


def breaks_the_device(request: Request) -> Evaluation:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def hangs(request: Request) -> Evaluation:
    while True:
        pass


def kills_its_process(request: Request) -> Evaluation:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def takes_all_memory(request: Request) -> Evaluation:
    held = []
    while True:
        held.append(np.ones(ALLOCATED_AT_ONCE, np.uint8))


def returns_what_cannot_be_sent(request: Request) -> Evaluation:
    return Evaluation(request.candidate, request.attempt, metrics={"lock": threading.Lock()})  # type: ignore[dict-item]  # the point of it


def waits_for_the_file(request: Request) -> Evaluation:
    while not Path(request.genome).exists():
        time.sleep(0.02)
    return good(request)


BEHAVIOURS = (
    good,
    diverges,
    fails,
    runs_out_of_memory,
    hangs,
    kills_its_process,
    takes_all_memory,
    returns_what_cannot_be_sent,
    waits_for_the_file,
    breaks_the_device,
)


def behave(request: Request) -> Evaluation:
    return BEHAVIOURS[request.candidate](request)


def asked(behaviour, attempt: int = 1, seconds: float = 60.0, genome: str = "1.1.1.1.1") -> Request:
    space = Space.of(["SA-1"], depth=1).to_json()
    number, budget = BEHAVIOURS.index(behaviour), Budget(seconds=seconds)
    return Request(number, attempt, genome, space, Shape(8, 8, 256), RecallTask(), budget)


def collected(evaluator: Evaluator, many: int) -> list[Evaluation]:
    """So many results, polling as a search does; the suite's timeout ends a wait in vain."""
    results: list[Evaluation] = []
    while len(results) < many:
        results += evaluator.collect(timeout=5)
    return results


def outcome(evaluator: Evaluator, request: Request) -> Evaluation:
    evaluator.submit(request)
    (result,) = collected(evaluator, 1)
    return result


@pytest.fixture(scope="module")
def _cluster():
    """Ray for this module. What this module defines travels by value: workers need not find the tests."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", OMP_NUM_THREADS="1")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        object_store_memory=100 * 2**20,
    )
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


@pytest.fixture(scope="module")
def pool(_cluster):
    """One pool for most tests, as starting a process takes seconds. Each test leaves it empty."""
    evaluator = RayEvaluator(2, behave, memory_bytes=MEMORY_BYTES, grace=0.5)
    yield evaluator
    evaluator.close()


@pytest.fixture
def inline():
    return InlineEvaluator(behave)


@pytest.fixture(params=["inline", "pool"])
def evaluator(request: pytest.FixtureRequest) -> Evaluator:
    asked: Evaluator = request.getfixturevalue(request.param)
    return asked


def test_a_result_comes_back_whole_with_its_attempt(evaluator):
    result = outcome(evaluator, asked(good, attempt=7))
    expected = good(asked(good, attempt=7))
    assert result.metrics.keys() == expected.metrics.keys()
    assert (result.candidate, result.attempt, result.curve) == (0, 7, expected.curve)
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
def test_a_real_candidate_is_the_same_on_both():
    space = Space.of(["SA-1", "GMemless"], depth=2).to_json()
    budget = Budget(steps=5, batch=4, length=32, validation=8, warmup=1)
    request = Request(1, 1, "1.1.1.1.1-9.1.1.1.1", space, Shape(16, 8, 32), RecallTask(symbols=32, pairs=4), budget)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = RayEvaluator(1)
    try:
        here, there = outcome(InlineEvaluator(), request), outcome(pool, request)
    finally:
        torch.set_num_threads(threads)
        pool.close()
    assert here.failure is there.failure is None
    assert (here.curve, here.weights) == (there.curve, there.weights)
    for name in ("recall_error", "recall_error_stderr", "parameters", "cache_bytes"):
        assert here.metrics[name] == there.metrics[name]


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


@pytest.mark.parametrize("gpus", [1, 2, 3, 8])
@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16])
def test_shares_of_gpus_fit_and_are_the_largest_that_do(gpus, workers):
    share = gpu_share(gpus, workers)
    on_each = round(1 / share)
    assert share <= 1
    assert gpus * on_each >= workers
    assert on_each == 1 or gpus * (on_each - 1) < workers
    assert gpu_share(0, workers) == 0


def test_the_alarm_leaves_other_peoples_alarms_alone(inline):
    def mine(signum, frame):
        raise AssertionError("rang")

    handler = signal.signal(signal.SIGALRM, mine)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, 1000, 500)
    try:
        assert outcome(inline, asked(hangs, seconds=0.1)).failure is Failure.TIMED_OUT
        assert signal.getsignal(signal.SIGALRM) is mine
        remaining, repeated = signal.getitimer(signal.ITIMER_REAL)
        assert 900 < remaining < 1000
        assert repeated == 500
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, delay, interval)


def test_outside_the_main_thread_the_inline_evaluator_works_without_alarm(inline):
    results: list[Evaluation] = []
    thread = threading.Thread(target=lambda: results.append(outcome(inline, asked(good))))
    thread.start()
    thread.join()
    assert results[0].failure is None
