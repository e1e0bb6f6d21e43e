"""A search that begins from what an earlier one trained: nothing is paid for twice, and everything teaches."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from evaluator.evaluation import Failure, Request
from genome import Genome, Space, require_legal
from search.algorithms.algorithm import Costs
from search.archive.values import Action, CandidateState, JobState
from search.objectives import Frontier, objectives
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan
from search.run.opening import opened
from search.run.patience import Patience
from search.run.taking_over import taken_over
from search.tracking import Reporting
from tests.columns import points_of
from tests.search.bench import Bench
from tests.search.test_runner import story
from tests.search.twin import Twin, corner, twin_costs

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

STEP = 16 * 128
FIRST = Plan(
    space=SpacePlan(depth=4),
    algorithm=AlgorithmName.RANDOM,
    candidates=14,
    population=6,
    repeats=0.2,
    finish=Finish(seeds=1, members=2),
    seed=7,
)


@pytest.fixture
def first(bench: Bench) -> str:
    """A search that has ended; every fifth of its candidates failed."""
    job_id = bench.queue(FIRST)

    def fails(request: Request) -> Failure | None:
        return Failure.DIVERGED if request.candidate % 5 == 0 else None

    bench.runner(lambda: Twin(2, fails=fails)).run_until_idle()
    return job_id


def following(job_id: str, **changes: object) -> Plan:
    return Plan.model_validate({**FIRST.model_dump(), "warm_start": job_id, "seed": 8, **changes})


@pytest.mark.parametrize("algorithm", AlgorithmName)
def test_an_earlier_search_is_taken_over_and_costs_nothing(bench: Bench, first: str, algorithm: AlgorithmName) -> None:
    plan = following(first, algorithm=algorithm)
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2)).run_until_idle()
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert (job.state, job.done, job.candidates_total) == (JobState.SUCCEEDED, 14, 14)
    before = [row for row in bench.rows(first) if row.state is CandidateState.SUCCEEDED]
    taken = rows[: len(before)]
    assert sorted((row.genome, row.baseline, row.seeds, sorted(row.metrics.items())) for row in taken) == sorted(
        (row.genome, row.baseline, row.seeds, sorted(row.metrics.items())) for row in before
    )
    assert {(row.variation, row.choice["reason"]) for row in taken} == {("warm start", "warm start")}
    assert taken[0].choice["by"] == f"candidate 1 of job {first}"
    assert len(rows) == len(before) + 14
    assert len({row.digest for row in rows}) == len(rows)
    trainings = bench.trainings(job_id)
    assert job.outcomes == len(trainings)
    paid = [one for one in trainings if one.purpose is not Purpose.WARM_START]
    assert job.tokens == len(paid) * plan.budget.tokens
    assert {request.candidate for request in bench.twins[-1].requests if request.seed < 1000} == {
        row.number for row in rows[len(before) :]
    }
    for number, place in enumerate(points_of(bench.archive, job_id)["outcome"], 1):
        own = bench.archive.trainings(job_id, number)
        assert place == min(one.outcome or 0 for one in own if one.purpose is not Purpose.FINISH)
    points = {row.number: objectives(row.metrics, plan) for row in rows}
    assert {row.number for row in rows if row.frontier} == set(Frontier(list(corner(plan).values()), points).members)
    history = bench.archive.history(job_id)
    assert (history["done"][0], history["tokens"][0]) == (0, 0)
    assert history["hypervolume"][0] == pytest.approx(bench.archive.job(first).hypervolume)
    finalists = {one.number for one in bench.archive.finalists(job_id)}
    assert {row.number for row in rows if row.baseline} == {1, 2}
    assert {1, 2} <= finalists


def test_a_model_is_there_from_the_first_choice_on(bench: Bench, first: str) -> None:
    plan = following(first, algorithm=AlgorithmName.SURROGATE, stacks=0)
    job_id = bench.queue(plan)
    bench.runner().run_until_idle()
    reasons = {row.choice["reason"] for row in bench.rows(job_id)}
    assert {"warm start", "expected improvement"} <= reasons <= {"warm start", "expected improvement", "exploration"}


@pytest.mark.parametrize("algorithm", ["surrogate", "nsga2", "star"])
def test_a_search_from_a_warm_start_is_the_same_search_after_any_stop(bench: Bench, first: str, algorithm: str) -> None:
    plan = following(first, algorithm=AlgorithmName(algorithm), finish=Finish())
    stories = []
    for lasts in ((), (13, 15, 22)):
        job_id = bench.queue(plan)
        claim = bench.archive.claim("dies before it proposes", 0)
        assert claim is not None
        if lasts:
            patience = Patience(threading.Event(), 0.1)
            opened(bench.archive, claim, str(bench.artifacts), corner, twin_costs, patience, Reporting())
        for last in lasts:
            stop = threading.Event()

            def upon(request: Request, last: int, stop: threading.Event) -> None:
                if request.candidate == last:
                    stop.set()

            bench.runner(partial(Twin, upon=partial(upon, last=last, stop=stop))).run_forever(stop)
        bench.runner().run_until_idle()
        stories.append(story(bench.rows(job_id)))
    assert stories[0] == stories[1]
    assert len(stories[0]) == 12 + 14


def test_what_is_not_legal_in_the_new_space_is_left_out(bench: Bench, first: str) -> None:
    space = SpacePlan(depth=4, classes=("SA-1", "Rec-1", "GMemless"))
    plan = following(first, space=space, candidates=3, finish=Finish())
    job_id = bench.queue(plan)
    bench.runner().run_until_idle()
    rows = bench.rows(job_id)
    for row in rows:
        require_legal(Genome.parse(row.genome), plan.liv_space)
    assert [row.baseline for row in rows if row.variation == "warm start"] == list(plan.baseline_genomes())
    assert bench.archive.job(job_id).done == 3


def test_static_metrics_that_an_earlier_version_did_not_report_are_counted(bench: Bench, first: str) -> None:
    def costs(genome: Genome, space: Space) -> Costs:
        return {**twin_costs(FIRST)(genome, space), "state_bytes": float(len(str(genome)))}

    plan = following(first, objectives=["bits_per_byte", "state_bytes"])
    taken = taken_over(bench.archive, first, plan, plan.liv_space, costs)
    assert len(taken) == sum(row.state is CandidateState.SUCCEEDED for row in bench.rows(first))
    for one in taken:
        expected = len(one.genome)
        assert (
            {row.metrics["state_bytes"] for row in one.trainings} == {one.summary.metrics["state_bytes"]} == {expected}
        )
    assert (
        taken_over(
            bench.archive, first, plan.model_copy(update={"objectives": ("recall_error",)}), plan.liv_space, costs
        )
        == []
    )


def test_lower_rungs_are_taken_over_too_and_a_chain_of_searches_pays_once(bench: Bench) -> None:
    rungs = Rungs(tokens=(20 * STEP,), promoted=0.3)
    plan = FIRST.model_copy(update={"rungs": rungs, "algorithm": AlgorithmName.SURROGATE})
    jobs = [bench.queue(plan)]
    for seed in (8, 9):
        bench.runner(lambda: Twin(2)).run_until_idle()
        jobs.append(bench.queue(plan.model_copy(update={"warm_start": jobs[-1], "seed": seed})))
    bench.runner(lambda: Twin(2)).run_until_idle()
    for place, job_id in enumerate(jobs):
        job, rows = bench.archive.job(job_id), bench.rows(job_id)
        assert (job.state, job.done, len(rows)) == (JobState.SUCCEEDED, 14, 14 * (place + 1))
        assert len({row.digest for row in rows}) == len(rows)
    taken = [row for row in bench.rows(jobs[2]) if row.variation == "warm start"]
    assert {row.tokens for row in taken} == {20 * STEP, 200 * STEP}
    assert not any(row.frontier for row in taken if row.tokens == 20 * STEP)
    begun = {request.candidate for request in bench.twins[-1].requests if request.seed < 1000}
    assert begun.isdisjoint(row.number for row in taken)


def test_a_genome_that_waits_may_be_taken_over(bench: Bench, first: str) -> None:
    job_id = bench.queue(following(first, candidates=3))
    genome = next(row.genome for row in bench.rows(first) if row.variation == "sample")
    bench.archive.inject(job_id, Genome.parse(genome))
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.candidates_total) == (JobState.SUCCEEDED, 3, 3), job.why


def test_a_search_without_an_outcome_leaves_nothing_to_take_over(bench: Bench) -> None:
    empty = bench.queue(FIRST)
    bench.archive.act(empty, Action.CANCEL)
    job_id = bench.queue(following(empty))
    bench.runner().run_until_idle()
    assert bench.archive.job(job_id).done == len(bench.rows(job_id)) == 14
