"""Children that begin with their parent's weights: who does, what is recorded, and that the weights stay so long."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from evaluator.artifacts import Artifacts
from evaluator.evaluation import Request
from genome import Genome
from search.archive.values import CandidateState, JobState
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

STEP = 16 * 128


@pytest.fixture
def plan() -> Plan:
    return Plan(
        space=SpacePlan(depth=4),
        algorithm=AlgorithmName.NSGA2,
        inherit=True,
        stacks=0,
        population=6,
        candidates=40,
        repeats=0.2,
        finish=Finish(seeds=2, members=2),
    )


def reading(artifacts: Path) -> Twin:
    """Three workers that read the weights of a parent, as real ones do: a missing file raises."""

    def read(request: Request) -> None:
        if request.parent is not None:
            Artifacts(str(artifacts)).read(request.parent.weights)

    return Twin(3, upon=read)


def test_a_child_inherits_from_the_parent_that_has_most_of_its_livs(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: reading(bench.artifacts)).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    rows = {row.number: row for row in bench.rows(job_id)}
    first = {one.candidate: one for one in bench.twins[0].requests if one.seed == plan.seed}
    for number, row in rows.items():
        parent = first[number].parent
        if row.inherited is None:
            assert parent is None
            continue
        former = rows[row.inherited["candidate"]]
        assert former.number in row.parents
        assert parent is not None
        assert parent.genome == former.genome
        assert parent.weights.key.startswith(f"{job_id}/{former.number}/")
        assert row.inherited["livs"] == len(Genome.parse(row.genome).unchanged(Genome.parse(former.genome))) > 0
    assert sum(row.inherited is not None for row in rows.values()) > 5


def test_repeats_and_the_honest_finish_begin_from_scratch(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    purposes = {training.purpose for training in bench.trainings(job_id)}
    assert {Purpose.REPEAT, Purpose.FINISH} <= purposes
    assert all(one.parent is None for one in bench.twins[0].requests if one.seed != plan.seed)


def test_without_the_option_nothing_is_inherited(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan.model_copy(update={"inherit": False}))
    bench.runner().run_until_idle()
    assert all(row.inherited is None for row in bench.rows(job_id))
    assert all(one.parent is None for one in bench.twins[0].requests)


def test_a_training_that_is_begun_again_has_the_same_parent(bench: Bench, plan: Plan) -> None:
    """The parent may have left the frontier meanwhile; its weights stay until the child has its outcome."""
    job_id = bench.queue(plan)
    lost: list[Request] = []

    def dies(request: Request) -> None:
        if request.parent is not None and request.candidate > 20 and not lost:
            lost.append(request)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.runner(lambda: Twin(3, upon=dies), lease_seconds=0).run_until_idle()
    bench.runner(lambda: reading(bench.artifacts), lease_seconds=0).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    again = [one for one in bench.twins[1].requests if one.candidate == lost[0].candidate and one.seed == plan.seed]
    assert [one.parent for one in again] == [lost[0].parent]
    assert all(row.state is CandidateState.SUCCEEDED for row in bench.rows(job_id))


def test_a_promotion_goes_on_from_its_checkpoint_and_inherits_nothing_again(bench: Bench, plan: Plan) -> None:
    rungs = Rungs(tokens=(40 * STEP,), promoted=0.4)
    plan = plan.model_copy(update={"algorithm": AlgorithmName.SURROGATE, "rungs": rungs, "population": 4})
    bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    promoted = [one for one in bench.twins[0].requests if one.checkpoint is not None]
    assert promoted
    assert all(one.parent is None for one in promoted)


def test_inheriting_and_a_lag_exclude_each_other(plan: Plan) -> None:
    with pytest.raises(ValidationError) as refused:
        Plan.model_validate(plan.model_dump(mode="json") | {"lag": 3})
    assert [error["loc"] for error in refused.value.errors()] == [("inherit",)]
