"""Several searches share a runner in turns: a short one does not wait for a long one, and nothing is lost."""

from __future__ import annotations

from functools import partial

import pytest

from evaluator.evaluation import Evaluation, Request
from search.archive.values import Action, JobState
from search.plan import AlgorithmName, Plan
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = pytest.mark.slow


class Quick(Twin):
    """A twin whose trainings take no time that a turn would count."""

    def collect(self, timeout: float) -> list[Evaluation]:
        return [Evaluation(**{**vars(one), "seconds": 0.0}) for one in super().collect(timeout)]


@pytest.fixture(autouse=True)
def openings_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a turn be as short as a test asks for, however long the machine takes to take up a search."""
    monkeypatch.setattr("search.run.turn.OPENINGS", 0.0)


@pytest.fixture
def plan(plan: Plan) -> Plan:
    return plan.model_copy(update={"algorithm": AlgorithmName.NSGA2, "candidates": 40})


def decisions(bench: Bench, job_id: str) -> list[tuple[object, ...]]:
    return [(row.genome, row.parents, row.state, row.frontier) for row in bench.rows(job_id)]


def test_a_short_search_does_not_wait_for_a_long_one(bench: Bench, plan: Plan) -> None:
    alone = bench.queue(plan)
    bench.runner().run_until_idle()
    long = bench.queue(plan)
    short = bench.queue(plan.model_copy(update={"candidates": 6}))
    done: dict[str, int] = {}

    def upon(request: Request) -> None:
        if bench.archive.job(short).state is JobState.SUCCEEDED:
            done.setdefault("of the long one when the short one had ended", bench.archive.job(long).done)

    bench.runner(partial(Quick, delay=0.01, upon=upon), turn_seconds=0.1).run_until_idle()
    assert [bench.archive.job(one).state for one in (long, short)] == [JobState.SUCCEEDED] * 2
    assert 0 < done["of the long one when the short one had ended"] < plan.candidates
    assert {training.attempt for training in bench.trainings(long)} == {1}
    assert decisions(bench, long) == decisions(bench, alone), "turns change nothing in a search"


def test_what_is_in_flight_ends_before_another_search_has_its_turn(bench: Bench, plan: Plan) -> None:
    jobs = [bench.queue(plan.model_copy(update={"candidates": 12})) for _ in range(3)]
    order: list[str] = []

    def upon(request: Request) -> None:
        assert request.store is not None
        order.append(request.store.prefix.partition("/")[0])

    claims = bench.runner(partial(Quick, 3, delay=0.01, upon=upon), turn_seconds=0.01).run_until_idle()
    assert claims > 2 * len(jobs)
    for job_id in jobs:
        job = bench.archive.job(job_id)
        assert (job.state, job.done, job.lost) == (JobState.SUCCEEDED, 12, 0)
        assert {training.attempt for training in bench.trainings(job_id)} == {1}
    first = [order.index(job_id) for job_id in jobs]
    assert max(first) < len(order) / 2, "each had its first turn before the first half of the work was done"


def test_each_step_of_priority_doubles_the_share(bench: Bench, plan: Plan) -> None:
    low = bench.archive.create_job(plan, "", priority=-3).id
    high = bench.archive.create_job(plan, "", priority=3).id
    left: list[int] = []

    def upon(request: Request) -> None:
        if bench.archive.job(high).state is JobState.SUCCEEDED:
            left.append(plan.candidates - bench.archive.job(low).done)

    bench.runner(partial(Quick, delay=0.01, upon=upon), turn_seconds=0.1).run_until_idle()
    assert bench.archive.job(high).priority == 3
    assert left[0] > plan.candidates / 2


def test_a_search_keeps_its_turn_while_no_other_waits(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    paused = bench.queue(plan)
    bench.archive.act(paused, Action.PAUSE)
    assert bench.runner(partial(Quick, 3), turn_seconds=0.0).run_until_idle() == 1
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
