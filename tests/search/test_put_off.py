"""What a job lacks puts it off with a visible reason; only its plan fails it, and a failed job can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pytest

from evaluator.evaluation import Evaluation, Evaluator, Failure, Request
from genome import Genome, Space
from search.algorithms.algorithm import Costs, CostsOf
from search.archive.values import Action, CandidateState, EventKind, JobState
from search.plan import AlgorithmName, Plan, Stop
from search.run.faults import ERRORS, Pauses
from tests.search.bench import Bench
from tests.search.twin import Twin, corner, twin_costs

pytestmark = pytest.mark.slow

AT_ONCE = Pauses(first=0.0)


@pytest.fixture
def plan(plan: Plan) -> Plan:
    return plan.model_copy(update={"algorithm": AlgorithmName.NSGA2})


class Gone(Twin):
    """An evaluator whose workers are gone."""

    def collect(self, timeout: float) -> list[Evaluation]:
        raise RuntimeError("the pool is gone")


class Full(Twin):
    """An evaluator that cannot begin anything, nor be closed."""

    def submit(self, request: Request) -> None:
        raise SystemError("no worker starts")

    def close(self) -> None:
        self.closed = True
        raise ConnectionError("the head is gone")


def unreachable() -> Evaluator:
    raise ConnectionError("no Ray head answers at 127.0.0.1:1")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (unreachable, "no Ray head answers at 127.0.0.1:1"),
        (Gone, "RuntimeError: the pool is gone"),
        (Full, "SystemError: no worker starts"),
    ],
)
def test_an_evaluator_that_does_not_work_puts_jobs_off_and_they_go_on_when_it_does(
    bench: Bench, plan: Plan, make: Callable[[], Evaluator], why: str
) -> None:
    jobs = [bench.queue(plan), bench.queue(plan)]
    bench.runner(make).run_until_idle()
    for job_id in jobs:
        job = bench.archive.job(job_id)
        assert (job.state, job.done, job.finished_at) == (JobState.QUEUED, 0, None)
        assert why in job.why
        assert job.retry_at is not None
        assert job.retry_at > datetime.now(UTC)
        last = [event.data for event in bench.archive.events(job_id, limit=1000) if event.kind is EventKind.JOB][-1]
        assert (last["state"], last["why"]) == (JobState.QUEUED, job.why)
    assert all(twin.closed for twin in bench.twins)

    seen: set[tuple[JobState, str]] = set()

    def upon(request: Request) -> None:
        seen.update((job.state, job.why) for job in bench.archive.jobs().items if job.state is JobState.RUNNING)

    for job_id in jobs:
        bench.archive.act(job_id, Action.RESUME)
    assert bench.runner(lambda: Twin(2, upon=upon)).run_until_idle() == 2
    assert seen == {(JobState.RUNNING, "")}, "the reason goes when the job runs again"
    for job_id in jobs:
        assert (bench.archive.job(job_id).state, bench.archive.job(job_id).failed) == (JobState.SUCCEEDED, 0)


def test_pauses_grow_are_stored_and_bind_every_runner_until_somebody_resumes(bench: Bench, plan: Plan) -> None:
    job_id, pauses = bench.queue(plan), Pauses(first=400.0, longest=2000.0)
    for shortest, longest in ((300, 500), (600, 1000), (1200, 2000), (1500, 2500), (1500, 2500)):
        bench.runner(Gone, pauses=pauses).run_until_idle()
        retry_at = bench.archive.job(job_id).retry_at
        assert retry_at is not None
        assert shortest - 60 < (retry_at - datetime.now(UTC)).total_seconds() < longest
        assert bench.archive.claim("another", 60) is None
        bench.archive.act(job_id, Action.RESUME)
        assert bench.archive.job(job_id).retry_at is None
    bench.runner(lambda: Twin(fails=breaks_at(3)), pauses=pauses).run_until_idle()
    retry_at = bench.archive.job(job_id).retry_at
    assert retry_at is not None
    assert (retry_at - datetime.now(UTC)).total_seconds() < 500, "an outcome begins the count anew"


def breaks_at(number: int) -> Callable[[Request], None]:
    """Return a behaviour of a twin that breaks its evaluator when a candidate is reached."""

    def fails(request: Request) -> None:
        if request.candidate == number:
            raise RuntimeError("the pool is gone")

    return fails


def test_a_pause_that_is_over_lets_any_runner_go_on(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    made = iter([Gone, Gone, Gone, Twin])
    assert bench.runner(lambda: next(made)(), pauses=AT_ONCE).run_until_idle() == 4
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (lambda plan: {"parameters": 1.0}, "reference lacks bits_per_byte"),
        (lambda plan: dict.fromkeys(plan.objectives, -1.0), "finite and positive"),
    ],
)
def test_a_fault_of_the_plan_fails_the_job_at_once(
    bench: Bench, plan: Plan, reference: Callable[[Plan], dict[str, float]], why: str
) -> None:
    job_id = bench.queue(plan)
    assert bench.runner(reference=reference).run_until_idle() == 1
    job = bench.archive.job(job_id)
    assert job.state is JobState.FAILED
    assert why in job.why


def test_an_error_of_the_program_fails_the_job_after_some_tries_and_a_resume_goes_on(bench: Bench, plan: Plan) -> None:
    whole = bench.queue(plan)
    bench.runner().run_until_idle()
    job_id = bench.queue(plan)

    calls = count()

    def breaks(plan: Plan) -> CostsOf:
        def costs(genome: Genome, space: Space) -> Costs:
            if next(calls) >= 9:
                raise ZeroDivisionError("an error of this program")
            return twin_costs(plan)(genome, space)

        return costs

    tries = bench.runner(lambda: Twin(3), costs=breaks, pauses=AT_ONCE).run_until_idle()
    job = bench.archive.job(job_id)
    assert job.state is JobState.FAILED
    assert job.why == "ZeroDivisionError: an error of this program"
    assert ERRORS < tries <= ERRORS + 9
    assert bench.archive.in_flight(job_id) == []
    claimable = bench.archive.act(job_id, Action.RESUME)
    assert (claimable.state, claimable.why, claimable.finished_at) == (JobState.QUEUED, "", None)
    assert CandidateState.CANCELLED not in {row.state for row in bench.rows(job_id)}
    claim = bench.archive.claim("another", 0)
    assert claim is not None
    assert claim.evolution is not None
    bench.runner(lambda: Twin(3)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, plan.candidates, 0)
    assert len(bench.rows(whole)) == len(bench.rows(job_id))


def test_a_failed_search_that_is_resumed_is_the_search_that_never_failed(bench: Bench, plan: Plan) -> None:
    whole = bench.queue(plan)
    bench.runner().run_until_idle()
    job_id = bench.queue(plan)
    for last in (5, 12):
        bench.runner(lambda last=last: Twin(fails=breaks_at(last))).run_until_idle()  # type: ignore[misc]
        bench.archive.act(job_id, Action.RESUME)
        claim = bench.archive.claim("by hand", 60)
        assert claim is not None
        bench.archive.finish(claim, JobState.FAILED, "somebody ends it")
        assert bench.archive.job(job_id).workers_busy == 0
        bench.archive.act(job_id, Action.RESUME)
    bench.runner().run_until_idle()
    assert [(row.genome, row.state, row.metrics) for row in bench.rows(job_id)] == [
        (row.genome, row.state, row.metrics) for row in bench.rows(whole)
    ]
    assert bench.archive.job(job_id).hypervolume == bench.archive.job(whole).hypervolume


def test_a_search_whose_trainings_fail_in_a_row_stops_if_its_plan_says_so(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan.model_copy(update={"stop": Stop(failures=4)}))
    failing = {3, 6, 7, 8, 10, 11, 12, 13}
    bench.runner(
        lambda: Twin(fails=lambda request: Failure.RAISED if request.candidate in failing else None)
    ).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, 13, 8)
    assert job.why == "no further candidate began: 4 trainings in a row failed"
    assert job.reference == corner(plan)
