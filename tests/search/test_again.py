"""Failed candidates that somebody asks a search to train again."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from evaluator.evaluation import Failure, Request
from search.archive.errors import IllegalActionError, NotFoundError
from search.archive.values import Action, Candidate, CandidateState, JobState
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

STEP = 16 * 128
WANTED, LATER = 4, 12
"""The candidate that fails, and the one upon which somebody asks for another attempt."""


@pytest.fixture(params=list(AlgorithmName))
def plan(request: pytest.FixtureRequest) -> Plan:
    rungs = Rungs(tokens=(60 * STEP,)) if request.param in ("random", "surrogate") else Rungs()
    common = {"algorithm": request.param, "rungs": rungs, "population": 6, "candidates": 24, "seed": 5}
    return Plan(space=SpacePlan(depth=4), repeats=0.2, finish=Finish(seeds=1, members=3), **common)


def failing(request: Request) -> Failure | None:
    return Failure.DIVERGED if request.candidate == WANTED and request.seed == 5 else None


def failed_and_asked(bench: Bench, plan: Plan) -> str:
    """Run a search in which a candidate fails and is asked for again, and return its id."""
    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.candidate == LATER and bench.archive.candidate(job_id, WANTED).state is CandidateState.FAILED:
            bench.archive.ask_again(job_id, WANTED)
            bench.archive.ask_again(job_id, WANTED)

    bench.runner(partial(Twin, 2, fails=failing, upon=upon)).run_until_idle()
    return job_id


def test_a_failed_candidate_is_trained_again_once_and_counts_as_if_it_had_not_failed(bench: Bench, plan: Plan) -> None:
    job_id = failed_and_asked(bench, plan)
    job, found = bench.archive.job(job_id), bench.archive.candidate(job_id, WANTED)
    trainings = bench.archive.trainings(job_id, WANTED)
    retries = [one for one in trainings if one.purpose is Purpose.RETRY]
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, plan.candidates, 0)
    assert (found.state, found.failure, found.detail) == (CandidateState.SUCCEEDED, None, "")
    assert (found.tokens, found.seeds) == (plan.budget.tokens, 1)
    assert [(one.seed, one.tokens, one.state) for one in retries] == [(6, plan.budget.tokens, CandidateState.SUCCEEDED)]
    assert trainings[0].failure is Failure.DIVERGED, "what happened before stays on record"
    every = bench.trainings(job_id)
    assert sorted(one.outcome or 0 for one in every) == list(range(1, len(every) + 1))
    assert bench.archive.asked_again(job_id) == []


def test_a_candidate_that_fails_again_may_be_asked_for_again(bench: Bench, plan: Plan) -> None:
    job_id, asked = bench.queue(plan), [LATER, LATER + 4]

    def upon(request: Request) -> None:
        if asked and request.candidate == asked[0]:
            asked.pop(0)
            bench.archive.ask_again(job_id, WANTED)

    def fails(request: Request) -> Failure | None:
        return Failure.DIVERGED if request.candidate == WANTED and request.seed in (5, 6) else None

    bench.runner(partial(Twin, 1, fails=fails, upon=upon)).run_until_idle()
    job = bench.archive.job(job_id)
    retries = [one for one in bench.archive.trainings(job_id, WANTED) if one.purpose is Purpose.RETRY]
    assert [(one.seed, one.state) for one in retries] == [(6, CandidateState.FAILED), (7, CandidateState.SUCCEEDED)]
    assert (job.done, job.failed) == (plan.candidates, 0)


def test_an_interrupted_search_goes_on_exactly(bench: Bench, plan: Plan) -> None:
    """A runner stops after every few outcomes; the next one makes what an uninterrupted one makes."""

    def run(stops: int | None) -> list[Candidate]:
        job_id, asked = bench.queue(plan), [LATER]
        while bench.archive.job(job_id).state is not JobState.SUCCEEDED:
            stop, seen = threading.Event(), [0]

            def upon(request: Request, stop: threading.Event = stop, seen: list[int] = seen) -> None:
                seen[0] += 1
                if asked and request.candidate == asked[0]:
                    asked.pop()
                    bench.archive.ask_again(job_id, WANTED)
                if seen[0] == stops:
                    stop.set()

            claim = bench.archive.claim("bench", 60.0)
            assert claim is not None
            bench.runner(partial(Twin, 1, fails=failing, upon=upon)).run_job(claim, stop)
        return bench.rows(job_id)

    whole, pieces = run(None), run(5)
    assert [(one.genome, one.metrics, one.state) for one in pieces] == [
        (one.genome, one.metrics, one.state) for one in whole
    ]


def test_what_cannot_be_trained_again_is_refused(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    said: list[str] = []

    def upon(request: Request) -> None:
        if request.candidate == LATER and not said:
            with pytest.raises(IllegalActionError) as refused:
                bench.archive.ask_again(job_id, 1)
            said.append(str(refused.value))
            bench.archive.act(job_id, Action.CANCEL)

    bench.runner(partial(Twin, 1, fails=failing, upon=upon)).run_until_idle()
    assert said == ["candidate 1 is succeeded; only a failed one is trained again"]
    with pytest.raises(IllegalActionError, match="must not have ended"):
        bench.archive.ask_again(job_id, WANTED)
    with pytest.raises(NotFoundError, match="candidate 999"):
        bench.archive.ask_again(job_id, 999)
