"""The runner with evaluators that follow a formula: whole searches within seconds."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from evaluator.artifacts import Artifact, Artifacts
from evaluator.evaluation import Failure, Request
from evaluator.tasks.recall import RecallTask
from genome import Genome, Space
from search.archive.runner_values import Claim
from search.archive.values import Action, Candidate, CandidateState, JobState
from search.plan import Constraint, Plan, SpacePlan
from search.run.retries import ATTEMPTS, Loss
from tests.search.bench import Bench
from tests.search.twin import Twin, corner

pytestmark = pytest.mark.slow


def story(rows: list[Candidate]) -> list[tuple[object, ...]]:
    """Return the decisions of a search, without times."""
    return [(c.number, c.genome, c.parents, c.variation, c.state, c.frontier, sorted(c.metrics.items())) for c in rows]


@pytest.mark.parametrize("capacity", [1, 4])
def test_a_search_runs_to_its_end(bench: Bench, plan: Plan, capacity: int) -> None:
    job_id = bench.queue(plan)
    assert bench.runner(lambda: Twin(capacity)).run_until_idle() == 1
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert (job.state, job.done, job.failed, job.why) == (JobState.SUCCEEDED, plan.candidates, 0, "")
    assert job.reference == corner(plan)
    assert 0 < job.hypervolume < 1
    assert [c.number for c in rows] == list(range(1, plan.candidates + 1))
    assert len({c.digest for c in rows}) == len(rows)
    assert {"baseline", "sample", "crossover+mutation"} <= {c.variation for c in rows}
    kept = {c.number for c in rows if c.frontier or c.baseline}
    assert bench.files(job_id) == {n: f"weights of {n}, attempt 1".encode() for n in kept}
    references = [c.weights for c in rows if c.weights]
    assert bench.archive.artifacts(job_id) == {one["key"] for one in references}
    for one in references:
        Artifacts(str(bench.artifacts)).read(Artifact.from_json(one))
    assert [twin.closed for twin in bench.twins] == [True]


def test_requests_say_what_the_plan_says(bench: Bench) -> None:
    objectives = ("recall_error", "parameters")
    plan = Plan(task=RecallTask(), objectives=objectives, measure=("prefill_ms",), candidates=3, seed=11)
    job_id = bench.queue(plan)
    bench.runner().run_until_idle()
    request: Request = bench.twins[0].requests[0]
    assert (request.candidate, request.attempt, request.seed, request.context) == (1, 1, 11, plan.context)
    assert (request.shape, request.task, request.budget) == (plan.shape, plan.task, plan.budget)
    assert request.asked == ("prefill_ms",)
    genome = bench.rows(job_id)[0].genome
    assert request.genome == genome
    assert Space.from_json(request.space) == plan.liv_space.only(Genome.parse(genome))


def test_failures_and_the_infeasible_are_recorded_and_stay_off_the_frontier(bench: Bench, plan: Plan) -> None:
    limit = Constraint(metric="parameters", at_most=1.7)
    job_id = bench.queue(plan.model_copy(update={"constraints": (limit,), "candidates": 30}))

    def fails(request: Request) -> Failure | None:
        return Failure.OUT_OF_MEMORY if request.candidate % 4 == 0 else None

    bench.runner(lambda: Twin(2, fails=fails)).run_until_idle()
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, 30, 7)
    for c in rows:
        assert (c.state is CandidateState.FAILED) == (c.number % 4 == 0) == (c.failure == Failure.OUT_OF_MEMORY)
        assert c.feasible == (c.state is CandidateState.SUCCEEDED and c.metrics["parameters"] <= 1.7)
        assert not c.frontier or c.feasible
    assert 0 < sum(c.feasible for c in rows) < 23


def _stop_at(last: int, stop: threading.Event, request: Request) -> None:
    if request.candidate == last:
        stop.set()


@pytest.mark.parametrize("stops", [(5,), (3, 4, 12)])
def test_a_search_stopped_and_taken_up_again_is_the_search_never_stopped(
    bench: Bench, plan: Plan, stops: tuple[int, ...]
) -> None:
    whole = bench.queue(plan)
    bench.runner().run_until_idle()
    broken = bench.queue(plan)
    for last in stops:
        stop = threading.Event()

        bench.runner(partial(Twin, upon=partial(_stop_at, last, stop))).run_forever(stop)
        assert bench.archive.job(broken).done == last
    bench.runner().run_until_idle()
    assert story(bench.rows(broken)) == story(bench.rows(whole))
    assert bench.archive.job(broken).hypervolume == bench.archive.job(whole).hypervolume


def test_a_pause_lets_what_is_in_flight_finish(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.candidate == 5:
            bench.archive.act(job_id, Action.PAUSE)
            threading.Event().wait(0.5)  # ten heartbeats

    runner = bench.runner(lambda: Twin(3, upon=upon))
    assert runner.run_until_idle() == 1
    job = bench.archive.job(job_id)
    assert job.state is JobState.PAUSED
    assert 5 <= job.done < plan.candidates
    assert bench.archive.in_flight(job_id) == []
    assert bench.archive.claim("other", 60) is None
    bench.archive.act(job_id, Action.RESUME)
    assert bench.runner().run_until_idle() == 1
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, plan.candidates)
    assert {training.attempt for training in bench.trainings(job_id)} == {1}


def test_a_cancel_abandons_what_is_in_flight(bench: Bench, plan: Plan) -> None:
    job_id, after = bench.queue(plan), bench.queue(plan)

    def upon(request: Request) -> None:
        if request.candidate == 5 and bench.archive.job(job_id).state is JobState.RUNNING:
            bench.archive.act(job_id, Action.CANCEL)

    assert bench.runner(lambda: Twin(3, upon=upon)).run_until_idle() == 2
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.CANCELLED, 4)
    assert [c.number for c in bench.rows(job_id) if c.state is CandidateState.CANCELLED] == [5, 6, 7]
    assert bench.twins[0].closed
    assert len(bench.twins) == 2, "the next job got an evaluator of its own"
    assert bench.archive.job(after).state is JobState.SUCCEEDED


def test_a_used_up_space_ends_the_search_and_says_so(bench: Bench) -> None:
    space = SpacePlan(depth=3, classes=("SA-1", "GMemless"), share_weights=False, share_features=False)
    job_id = bench.queue(Plan(space=space, population=4, candidates=100))
    bench.runner(lambda: Twin(3)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, 8)
    assert "no further genome" in job.why


def test_a_runner_that_lost_its_lease_lets_go_without_a_trace(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    first = bench.archive.claim("first", 60)
    assert first is not None
    taken: list[Claim | None] = []

    def upon(request: Request) -> None:
        if request.candidate == 5:
            bench.archive.hand_back(first)
            taken.append(bench.archive.claim("second", 60))

    bench.runner(lambda: Twin(2, upon=upon), beat=60).run_job(first)
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.RUNNING, 4)
    assert all(f"/{job_id}/5/" not in f"/{key}" for key in bench.archive.artifacts(job_id))
    assert bench.twins[0].closed
    assert taken[0] is not None
    assert bench.archive.heartbeat(taken[0]) is JobState.RUNNING


class Death(BaseException):
    """An exception that ends the runner's process."""


def test_a_candidate_that_kills_its_runners_is_given_up(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.candidate == 3:
            raise Death

    most = ATTEMPTS[Loss.RUNNER]
    for _ in range(most):
        with pytest.raises(Death):
            bench.runner(lambda: Twin(upon=upon), lease_seconds=0).run_until_idle()
    bench.runner(lambda: Twin(upon=upon)).run_until_idle()
    third = bench.archive.candidate(job_id, 3)
    assert (third.state, third.failure) == (CandidateState.FAILED, Failure.KILLED)
    assert [training.attempt for training in bench.archive.trainings(job_id, 3)] == [most]
    assert f"begun {most} times" in third.detail
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
