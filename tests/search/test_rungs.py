"""Rungs through the runner: who is promoted, what a promotion costs, and what stands on the frontier."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import pytest

from evaluator.evaluation import Failure, Request
from evaluator.schedule import stable_steps
from genome import Genome
from genome.variation.class_sampling import Level
from search.archive.values import CandidateState, JobState
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan
from search.plan.expected import expected_tokens
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

STEP = 16 * 128
LEVELS = (20 * STEP, 60 * STEP, 200 * STEP)


@pytest.fixture(params=["random", "surrogate"])
def plan(request: pytest.FixtureRequest) -> Plan:
    rungs = Rungs(tokens=LEVELS[:2], promoted=0.3)
    return Plan(space=SpacePlan(depth=4), algorithm=AlgorithmName(request.param), rungs=rungs, candidates=32, seed=5)


def test_a_share_of_every_rung_goes_on_and_only_whole_budgets_stand_on_the_frontier(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    rows = bench.rows(job_id)
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    trainings = {row.number: bench.archive.trainings(job_id, row.number) for row in rows}
    for row in rows:
        reached = [training.tokens for training in trainings[row.number]]
        assert reached == ([LEVELS[2]] if row.baseline else list(LEVELS[: len(reached)]))
        assert row.tokens == max(reached)
        assert not row.frontier or row.tokens == LEVELS[2]
        assert [t.purpose for t in trainings[row.number]][1:] == [Purpose.PROMOTION] * (len(reached) - 1)
    on = [sum(len(t) > rung and t[0].tokens == LEVELS[0] for t in trainings.values()) for rung in range(3)]
    assert on == [30, 9, 2]
    assert any(row.frontier for row in rows)


def test_every_training_of_a_candidate_is_asked_for_alike_though_the_search_invents_classes(
    bench: Bench, plan: Plan
) -> None:
    """A checkpoint holds only for the space of its training, so a promotion must name the same space."""
    inventive = plan.model_copy(
        update={"space": SpacePlan(depth=4, levels=Level.FEATURIZER), "repeats": 0.3, "seed": 6}
    )
    bench.queue(inventive.model_copy(update={"algorithm": AlgorithmName.SURROGATE, "population": 4}))
    bench.runner(lambda: Twin(3)).run_until_idle()
    spaces: dict[int, list[dict[str, Any]]] = {}
    for request in bench.twins[0].requests:
        spaces.setdefault(request.candidate, []).append(request.space)
        named = {segment.liv_class for segment in Genome.parse(request.genome).segments}
        assert named <= {row["id"] for row in request.space["classes"]}
        assert len(request.space["classes"]) <= 1 + len(named)
    assert all(one == own[0] for own in spaces.values() for one in own)
    assert any(len(own) > 1 and own[0]["classes"][-1]["id"] > 1000 for own in spaces.values())


def test_a_promotion_goes_on_from_its_checkpoint_and_pays_the_difference(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    requests = bench.twins[0].requests
    spent = 0
    for request in requests:
        below = [level for level in LEVELS if level < request.trained_tokens]
        if request.checkpoint is None:
            assert request.trained_tokens == LEVELS[0] or request.candidate <= 2
            spent += request.trained_tokens
        else:
            assert request.checkpoint.key.startswith(f"{job_id}/{request.candidate}/{request.seed}/checkpoint")
            assert f"-{below[-1]}-" in request.checkpoint.key
            spent += request.trained_tokens - stable_steps(below[-1] // STEP, plan.budget) * STEP
    assert bench.archive.job(job_id).tokens == spent
    assert bench.archive.history(job_id)["tokens"][-1] == spent
    assert expected_tokens(plan.model_dump(mode="json")) == spent
    assert set(bench.files(job_id)) == {row.number for row in bench.rows(job_id) if row.frontier or row.baseline}


def test_every_training_but_a_promotion_pays_for_the_rates_that_it_tried(bench: Bench, plan: Plan) -> None:
    budget = plan.budget.model_copy(update={"rates": (0.001, 0.003, 0.01), "rate_steps": 10})
    plan = plan.model_copy(update={"budget": budget, "repeats": 0.2, "finish": Finish(seeds=1, members=2)})
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    spent = 0
    for request in bench.twins[0].requests:
        below = max((level for level in LEVELS if level < request.trained_tokens), default=0)
        promoted = request.checkpoint is not None
        spent += request.trained_tokens
        spent += -stable_steps(below // STEP, plan.budget) * STEP if promoted else 2 * 10 * STEP
    assert bench.archive.job(job_id).tokens == spent
    purposes = {one.purpose for row in bench.rows(job_id) for one in bench.archive.trainings(job_id, row.number)}
    assert purposes >= {Purpose.SEARCH, Purpose.PROMOTION, Purpose.FINISH}


def test_a_failed_promotion_leaves_the_candidate_what_it_had(bench: Bench, plan: Plan) -> None:
    def fails(request: Request) -> Failure | None:
        return Failure.DIVERGED if request.trained_tokens == LEVELS[1] else None

    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2, fails=fails)).run_until_idle()
    rows = bench.rows(job_id)
    assert {row.state for row in rows} == {CandidateState.SUCCEEDED}
    assert {row.tokens for row in rows if not row.baseline} == {LEVELS[0]}
    assert {row.number for row in rows if row.frontier} <= {row.number for row in rows if row.baseline}
    failed = [t for t in bench.trainings(job_id) if t.failure]
    assert [t.tokens for t in failed] == [LEVELS[1]] * 9


def test_a_search_with_rungs_that_was_stopped_is_the_search_never_stopped(bench: Bench, plan: Plan) -> None:
    whole, broken = bench.queue(plan), bench.queue(plan)
    claim = bench.archive.claim("whole", 60)
    assert claim is not None
    bench.runner().run_job(claim)
    for last in (4, 15, 21):
        stop = threading.Event()

        def upon(request: Request, last: int, stop: threading.Event) -> None:
            if bench.archive.job(broken).outcomes >= last:
                stop.set()

        bench.runner(partial(Twin, upon=partial(upon, last=last, stop=stop))).run_forever(stop)
    bench.runner().run_until_idle()
    story = [
        [(row.number, row.genome, row.frontier, row.tokens, sorted(row.metrics.items())) for row in bench.rows(job)]
        for job in (whole, broken)
    ]
    assert story[0] == story[1]
    assert bench.archive.job(whole).tokens == bench.archive.job(broken).tokens
