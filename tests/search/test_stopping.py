"""Rules that stop a search: by tokens, by time, and when hardly any improvement is expected."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from evaluator.evaluation import Request
from search.archive.values import JobState
from search.evolution.stopping import STAGNANT
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan, Stop
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]

STEP = 16 * 128
WHOLE = 200 * STEP


def planned(algorithm: AlgorithmName = AlgorithmName.RANDOM, **changes: object) -> Plan:
    return Plan.model_validate(
        {"space": {"depth": 4}, "algorithm": algorithm, "candidates": 200, "population": 6, "seed": 7, **changes}
    )


@pytest.mark.parametrize("capacity", [1, 3])
def test_no_candidate_begins_after_so_many_tokens_and_the_finish_follows(bench: Bench, capacity: int) -> None:
    plan = planned(stop=Stop(tokens=10 * WHOLE - 1), finish=Finish(seeds=1, members=2))
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(capacity)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, 10)
    assert job.why == f"no further candidate began: training tokens reached the plan's {10 * WHOLE - 1:,}"
    finished = [one for one in bench.trainings(job_id) if one.purpose is Purpose.FINISH]
    assert len(finished) >= 2
    assert job.tokens == (10 + len(finished)) * WHOLE


def test_promotions_count_what_they_read_and_still_follow(bench: Bench) -> None:
    rungs = Rungs(tokens=(20 * STEP,), promoted=0.3)
    job_id = bench.queue(planned(rungs=rungs, stop=Stop(tokens=8 * WHOLE), baselines=False))
    bench.runner().run_until_idle()
    job, trainings = bench.archive.job(job_id), bench.trainings(job_id)
    promoted = sum(one.purpose is Purpose.PROMOTION for one in trainings)
    assert "training tokens reached" in job.why
    assert job.done < 200
    assert promoted == int(0.3 * job.done)
    assert 8 * WHOLE <= job.tokens < 9 * WHOLE


def test_a_search_that_is_stopped_by_tokens_stops_there_after_any_interruption(bench: Bench) -> None:
    plan = planned(AlgorithmName.SURROGATE, stop=Stop(tokens=20 * WHOLE))
    stories = []
    for lasts in ((), (6, 13, 20)):
        job_id = bench.queue(plan)
        for last in lasts:
            stop = threading.Event()

            def upon(request: Request, last: int = last, stop: threading.Event = stop) -> None:
                if request.candidate == last:
                    stop.set()

            bench.runner(partial(Twin, upon=upon)).run_forever(stop)
        bench.runner().run_until_idle()
        job = bench.archive.job(job_id)
        stories.append((job.state, job.why, job.done, [row.genome for row in bench.rows(job_id)]))
    assert stories[0] == stories[1]
    assert stories[0][2] == 20


def test_time_counts_from_the_first_runner_on(bench: Bench) -> None:
    job_id = bench.queue(planned(stop=Stop(seconds=1.0)))
    stop = threading.Event()
    bench.runner(lambda: Twin(2, upon=lambda request: stop.set())).run_forever(stop)
    begun = len(bench.rows(job_id))
    time.sleep(1.0)
    bench.runner(lambda: Twin(2)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, begun)
    assert job.why == "no further candidate began: the plan's 1 seconds were over"


def test_a_search_stops_when_it_expects_no_improvement(bench: Bench) -> None:
    """Three classes and four LIVs make 81 genomes, so the best are found soon."""
    space = SpacePlan(depth=4, classes=("SA-1", "GMemless", "Rec-1"), share_weights=False, share_features=False)
    plan = planned(AlgorithmName.SURROGATE, space=space, stop=Stop(stagnation=5))
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2)).run_until_idle()
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert job.state is JobState.SUCCEEDED
    assert job.why.endswith("stayed below 0.5 % of the hypervolume for 5 outcomes")
    assert job.done < 81
    shares = [row.choice["share"] for row in rows if "share" in row.choice]
    assert shares[-1] < STAGNANT < max(shares)


def test_a_search_whose_candidates_are_all_there_was_stopped_by_nothing(bench: Bench) -> None:
    plan = planned(candidates=5, stop=Stop(tokens=5 * WHOLE, seconds=1e6))
    job_id = bench.queue(plan)
    bench.runner().run_until_idle()
    assert (bench.archive.job(job_id).done, bench.archive.job(job_id).why) == (5, "")
