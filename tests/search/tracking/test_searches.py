"""What a runner reports of its searches, which run the same whatever the trackers do."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from evaluator.evaluation import Failure, Request
from search.archive.values import Action, Candidate, JobState
from search.origin import Purpose
from search.plan import Finish, Plan, SpacePlan
from search.tracking import Reporting, Tracker
from tests.search.bench import Bench
from tests.search.tracking.told import Told
from tests.search.twin import Twin

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def once(**changes: Any) -> Plan:
    return Plan(space=SpacePlan(depth=4), candidates=6, population=4, finish=Finish(seeds=0), repeats=0, **changes)


def reported(bench: Bench, plan: Plan, tracker: Tracker, twin: Twin | None = None) -> tuple[str, list[Candidate]]:
    """The id and the candidates of a search that ran to its end with a tracker."""
    job_id = bench.archive.create_job(plan, "lean").id
    reporting = Reporting([tracker])
    bench.runner(lambda: twin or Twin(), reporting=reporting).run_until_idle()
    reporting.close(30)
    return job_id, bench.rows(job_id)


def test_parameters_outcomes_hypervolume_and_winners_are_reported(bench: Bench) -> None:
    def third(request: Request) -> Failure | None:
        return Failure.DIVERGED if request.candidate == 3 else None

    told, plan = Told(), once(seed=5)
    job_id, rows = reported(bench, plan, told, Twin(fails=third))
    ((run,),) = told.of("begin")
    assert (run.id, run.kind, run.name) == (job_id, "search", "lean")
    assert run.parameters["budget.steps"] == plan.budget.steps
    assert run.parameters["space.depth"] == 4
    assert run.parameters["seed"] == 5
    assert json.loads(run.parameters["objectives"]) == list(plan.objectives)
    outcomes = [one for (one,) in told.of("outcome")]
    assert [one.number for one in outcomes] == [1, 2, 3, 4, 5, 6]
    for one, row in zip(outcomes, rows, strict=True):
        assert (one.genome, one.purpose, one.tokens) == (row.genome, "search", plan.budget.tokens)
        assert one.failure == (row.failure or "")
        assert one.metrics.items() <= row.metrics.items()
    assert (outcomes[2].failure, outcomes[2].detail, outcomes[2].metrics) == ("diverged", "as asked", {})
    assert outcomes[0].metrics["bits_per_byte_stderr"] == 0.01
    steps = told.of("progress")
    assert [step for step, _ in steps] == [1, 2, 3, 4, 5, 6]
    job = bench.archive.job(job_id)
    frontier = bench.archive.frontier(job_id)
    assert steps[-1][1] == {"hypervolume": job.hypervolume, "frontier": len(frontier)}
    shares = [values["hypervolume"] for _, values in steps]
    assert shares == sorted(shares)
    assert [name for name, _ in told.of("export")] == [f"candidate-{one.number}" for one in frontier]
    for _, address in told.of("export"):
        assert address.startswith(bench.artifacts.absolute().as_uri() + f"/{job_id}/")
    assert told.reports[-1] == ("end", "succeeded")


def test_every_training_is_reported_with_its_purpose(bench: Bench) -> None:
    told = Told()
    plan = once().model_copy(update={"finish": Finish(seeds=1, members=1)})
    job_id, rows = reported(bench, plan, told)
    expected = {
        (row.number, one.seed, one.tokens, one.purpose)
        for row in rows
        for one in bench.archive.trainings(job_id, row.number)
    }
    outcomes = [one for (one,) in told.of("outcome")]
    assert {(one.number, one.seed, one.tokens, one.purpose) for one in outcomes} == expected
    assert len(outcomes) == len(expected)
    assert len(told.of("progress")) == sum(one.purpose != Purpose.FINISH for one in outcomes) < len(outcomes)


def test_a_search_that_is_paused_goes_on_under_the_same_id_and_counts_on(bench: Bench) -> None:
    told = Told()
    job_id = bench.queue(once())

    def pause(request: Request) -> None:
        if request.candidate == 3:
            bench.archive.act(job_id, Action.PAUSE)

    reporting = Reporting([told])
    bench.runner(lambda: Twin(upon=pause), reporting=reporting).run_until_idle()
    bench.archive.act(job_id, Action.RESUME)
    bench.runner(reporting=reporting).run_until_idle()
    reporting.close(30)
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    assert [run.id for (run,) in told.of("begin")] == [job_id, job_id]
    assert [state for (state,) in told.of("end")] == ["interrupted", "succeeded"]
    assert [step for step, _ in told.of("progress")] == [1, 2, 3, 4, 5, 6]


def test_a_search_that_is_cancelled_is_reported_as_cancelled(bench: Bench) -> None:
    told = Told()
    job_id = bench.queue(once())

    def cancel(request: Request) -> None:
        bench.archive.act(job_id, Action.CANCEL)

    reporting = Reporting([told])
    bench.runner(lambda: Twin(upon=cancel, delay=0.2), reporting=reporting).run_until_idle()
    reporting.close(30)
    assert told.reports[-1] == ("end", "cancelled")


def test_a_search_decides_the_same_whatever_its_trackers_do(bench: Bench) -> None:
    def refuse(method: str) -> None:
        raise RuntimeError("no")

    free = threading.Event()

    def story(rows: list[Candidate]) -> list[tuple[object, ...]]:
        return [(one.number, one.genome, one.state, one.frontier, sorted(one.metrics.items())) for one in rows]

    plan = once(seed=3)
    expected = story(reported(bench, plan, Told())[1])
    assert story(reported(bench, plan, Told(refuse))[1]) == expected
    job_id = bench.queue(plan)
    reporting = Reporting([Told(lambda method: free.wait(60))])
    bench.runner(reporting=reporting).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    assert story(bench.rows(job_id)) == expected
    free.set()
    reporting.close()
