"""A search with a lag: any number of workers, and any order of outcomes, makes the same search."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.evaluation import Evaluation
from search.archive.values import JobState
from search.plan import WITH_RUNGS, AlgorithmName, Finish, Plan, Rungs, SpacePlan
from tests.search.bench import Bench
from tests.search.journey import Journey, begun
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

LAG = 5
PLAN = Plan(space=SpacePlan(depth=5), stacks=0.1, population=6, candidates=40, lag=LAG)
RUNGS = Rungs(tokens=(40 * 16 * 128, 100 * 16 * 128), promoted=0.4)


def searched(plan: Plan, workers: int, order: np.random.Generator) -> Journey:
    """Run a search to its end with so many workers, whose outcomes come in a random order."""
    journey = Journey(begun(plan), plan)
    while True:
        before = -1
        while len(journey.in_flight) < workers and len(journey.trainings) != before:
            before = len(journey.trainings)
            journey.step(11)  # work ahead, which must change nothing
            journey.step(0)
        if not journey.in_flight:
            return journey
        journey.step_tell(int(order.integers(len(journey.in_flight))))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    algorithm=st.sampled_from(AlgorithmName),
    repeats=st.sampled_from([0.0, 0.4]),
    workers=st.integers(2, 9),
    seed=st.integers(0, 1000),
)
def test_one_worker_and_many_make_the_same_search(
    algorithm: AlgorithmName, repeats: float, workers: int, seed: int
) -> None:
    rungs = RUNGS if algorithm in WITH_RUNGS else Rungs()
    plan = PLAN.model_copy(update={"algorithm": algorithm, "rungs": rungs, "repeats": repeats})
    one = searched(plan, 1, np.random.default_rng(0))
    many = searched(plan, workers, np.random.default_rng(seed))
    assert len(one.begun) == plan.candidates
    assert many.made == one.made


def test_without_a_lag_the_order_of_outcomes_decides() -> None:
    """The test above can fail: the same journeys differ when outcomes are told as they come."""
    plan = PLAN.model_copy(update={"lag": None, "algorithm": AlgorithmName.NSGA2})
    assert searched(plan, 1, np.random.default_rng(0)).made != searched(plan, 5, np.random.default_rng(1)).made


def test_a_training_begins_when_the_one_a_lag_earlier_was_told() -> None:
    journey = Journey(begun(PLAN), PLAN)
    for _ in range(LAG):
        journey.step(0)
    for place in range(LAG - 1, 0, -1):  # the first one is still missing
        journey.step_tell(place)
        journey.step(0)
        assert len(journey.begun) == LAG
    journey.step_tell(0)
    for _ in range(LAG + 1):
        journey.step(0)
    assert len(journey.begun) == 2 * LAG


class Shuffled(Twin):
    """Four workers that end in a random order."""

    def __init__(self) -> None:
        super().__init__(capacity=4)
        self._order = np.random.default_rng(7)

    def collect(self, timeout: float) -> list[Evaluation]:
        self._order.shuffle(self._queue)
        return super().collect(timeout)


@pytest.mark.parametrize("algorithm", [AlgorithmName.SURROGATE, AlgorithmName.STAR])
def test_runners_record_the_same_search(bench: Bench, algorithm: AlgorithmName) -> None:
    makers: list[Callable[[], Twin]] = [Twin, Shuffled]
    plan = PLAN.model_copy(update={"algorithm": algorithm, "repeats": 0.3, "finish": Finish(seeds=2, members=3)})
    found = []
    for make in makers:
        job_id = bench.queue(plan)
        bench.runner(make).run_until_idle()
        assert bench.archive.job(job_id).state is JobState.SUCCEEDED
        rows = [(row.number, row.genome, row.metrics, row.frontier, row.choice) for row in bench.rows(job_id)]
        found.append((rows, [(one.seed, one.tokens, one.purpose) for one in bench.trainings(job_id)]))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stop": {"seconds": 60}}, ("stop", "seconds")),
        ({"objectives": ["bits_per_byte", "decode_ms"]}, ("objectives", 1)),
        ({"lag": 0}, ("lag",)),
    ],
)
def test_a_search_that_a_clock_steers_has_no_lag(change: dict[str, object], field: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Plan.model_validate(PLAN.model_dump(mode="json") | change)
    assert [tuple(error["loc"]) for error in refused.value.errors()] == [field]
