"""Workers and runners that are lost cost no candidate; one that loses its workers by itself is recorded as such."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from evaluator.evaluation import Evaluation, Failure, Request
from search.archive.values import Action, CandidateState, JobState
from search.plan import AlgorithmName, Plan
from search.run.retries import ATTEMPTS, Loss
from tests.search.bench import Bench
from tests.search.processes import Processes
from tests.search.twin import Twin

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(plan: Plan) -> Plan:
    return plan.model_copy(update={"algorithm": AlgorithmName.NSGA2})


def failing(number: int, failure: Failure, times: int) -> Callable[[Request], Failure | None]:
    """Return a behaviour by which the first trainings of a candidate fail, so many times."""
    left = [times]

    def fails(request: Request) -> Failure | None:
        if request.candidate != number or not left[0]:
            return None
        left[0] -= 1
        return failure

    return fails


class Killing(Processes):
    """Kills the process of the first attempt at every second candidate, until so many are killed."""

    def __init__(self, kills: int) -> None:
        super().__init__(4, seconds=0.05, deadly=0.0, seed=3)
        self._kills = kills

    def submit(self, request: Request) -> None:
        kills = self._kills > 0 and request.candidate % 2 == 0 and request.attempt == 1
        self._seconds = 1000.0 if kills else 0.05
        super().submit(request)
        if kills:
            self._kills -= 1
            self._running[-1][1].kill()


def test_twenty_killed_workers_cost_no_candidate(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan.model_copy(update={"candidates": 40}))
    bench.runner(partial(Killing, 20)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed, job.lost) == (JobState.SUCCEEDED, 40, 0, 20)


@pytest.mark.parametrize(
    ("failure", "loss"),
    [(Failure.KILLED, Loss.KILLED), (Failure.NODE_LOST, Loss.NODE), (Failure.DEVICE, Loss.DEVICE)],
)
def test_a_lost_attempt_is_begun_again_as_often_as_its_kind_allows(
    bench: Bench, plan: Plan, failure: Failure, loss: Loss
) -> None:
    most = ATTEMPTS[loss]
    for times in (most - 1, most):
        job_id = bench.queue(plan)
        bench.runner(partial(Twin, 2, fails=failing(4, failure, times))).run_until_idle()
        job, fourth = bench.archive.job(job_id), bench.archive.candidate(job_id, 4)
        (training,) = bench.archive.trainings(job_id, 4)
        assert (job.state, job.done, job.lost) == (JobState.SUCCEEDED, plan.candidates, most - 1)
        assert (training.attempt, training.losses) == (most, {loss: most - 1})
        if times < most:
            assert (job.failed, fourth.state) == (0, CandidateState.SUCCEEDED)
        else:
            assert (job.failed, fourth.failure) == (1, failure)
            assert f"attempts lost before: {most - 1} ({loss})" in fourth.detail


def test_a_candidate_that_ran_out_of_memory_does_not_do_so_again(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(partial(Twin, 2, fails=failing(4, Failure.OUT_OF_MEMORY, 1))).run_until_idle()
    (training,) = bench.archive.trainings(job_id, 4)
    assert (training.attempt, training.failure, training.losses) == (1, Failure.OUT_OF_MEMORY, {})


class Collapsing(Twin):
    """Loses all of its workers at once as soon as a candidate is under way, so many times."""

    def __init__(self, capacity: int, number: int, times: list[int]) -> None:
        super().__init__(capacity)
        self._number, self._times = number, times

    def collect(self, timeout: float) -> list[Evaluation]:
        under_way = list(self._queue)
        if self._times[0] and any(request.candidate == self._number for request in under_way):
            self._times[0] -= 1
            self._queue.clear()
            return [Evaluation.of(request, failure=Failure.KILLED, detail="gone") for request in under_way]
        return super().collect(timeout)


def test_workers_that_die_together_are_no_candidates_fault(bench: Bench, plan: Plan) -> None:
    job_id, often = bench.queue(plan), 2 * ATTEMPTS[Loss.KILLED]
    bench.runner(lambda: Collapsing(3, 4, [often])).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.failed, job.lost) == (JobState.SUCCEEDED, 0, 3 * often)
    lost = Counter(kind for training in bench.trainings(job_id) for kind in training.losses)
    assert lost == {Loss.TOGETHER: 3}


def test_polite_restarts_and_pauses_use_up_no_attempts(bench: Bench, plan: Plan) -> None:
    job_id, often = bench.queue(plan), ATTEMPTS[Loss.RUNNER] + 2
    for _ in range(often):
        stop = threading.Event()

        def upon(request: Request, stop: threading.Event = stop) -> None:
            if request.candidate == 4:
                stop.set()
                raise RuntimeError("the pool is closed in the middle of a training")

        bench.runner(partial(Twin, 3, upon=upon)).run_forever(stop)
        bench.archive.act(job_id, Action.RESUME)
    bench.runner(partial(Twin, 3)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.failed, job.lost) == (JobState.SUCCEEDED, 0, 0)
    (training,) = bench.archive.trainings(job_id, 4)
    assert (training.attempt, training.losses) == (often + 1, {})


def test_a_worker_that_is_lost_during_a_pause_costs_no_candidate(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)

    def fails(request: Request) -> Failure | None:
        if request.candidate != 4 or request.attempt > 1:
            return None
        bench.archive.act(job_id, Action.PAUSE)
        threading.Event().wait(0.5)  # ten heartbeats
        return Failure.KILLED

    bench.runner(partial(Twin, 2, fails=fails)).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.PAUSED
    bench.archive.act(job_id, Action.RESUME)
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, plan.candidates, 0)
