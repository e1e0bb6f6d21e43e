"""Repeats and the honest finish through the runner."""

from __future__ import annotations

import pytest

from evaluator.evaluation import Failure, Request
from search.archive.values import CandidateState, JobState
from search.origin import Purpose
from search.plan import HELD_OUT, AlgorithmName, Finish, Plan, SpacePlan
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = pytest.mark.slow


@pytest.fixture
def plan() -> Plan:
    return Plan(
        space=SpacePlan(depth=4),
        algorithm=AlgorithmName.RANDOM,
        candidates=30,
        repeats=0.2,
        finish=Finish(seeds=3, members=4),
        seed=7,
    )


def of(bench: Bench, job_id: str, purpose: Purpose) -> list[tuple[int, int]]:
    """Return number and seed of the trainings with one purpose."""
    rows = [
        (row.number, training) for row in bench.rows(job_id) for training in bench.archive.trainings(job_id, row.number)
    ]
    return [(number, training.seed) for number, training in rows if training.purpose is purpose]


def test_winners_and_baselines_are_trained_again_on_seeds_that_were_held_out(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(3)).run_until_idle()
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert job.state is JobState.SUCCEEDED
    found = of(bench, job_id, Purpose.FINISH)
    numbers = {number for number, _ in found}
    assert found == [(n, 7 + HELD_OUT + k) for n in sorted(numbers) for k in range(3)]
    baselines = {row.number for row in rows if row.baseline}
    assert baselines <= numbers
    members = {row.number for row in rows if row.frontier} - baselines
    assert numbers - baselines <= members
    assert len(numbers - baselines) == min(4, len(members))
    assert (job.done, job.outcomes) == (30, 30 + len(found) + len(of(bench, job_id, Purpose.REPEAT)))


def test_the_finish_changes_nothing_that_the_search_found(bench: Bench, plan: Plan) -> None:
    jobs = [bench.queue(plan), bench.queue(plan.model_copy(update={"finish": Finish()}))]
    bench.runner().run_until_idle()
    found = [[(row.genome, row.frontier, row.metrics, row.seeds) for row in bench.rows(job)] for job in jobs]
    assert found[0] == found[1]
    assert bench.archive.job(jobs[0]).hypervolume == bench.archive.job(jobs[1]).hypervolume


def test_a_killed_finish_goes_on_with_what_is_missing(bench: Bench, plan: Plan) -> None:
    class Death(BaseException):
        """The end of the runner's process."""

    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.seed == 7 + HELD_OUT + 1:
            raise Death

    with pytest.raises(Death):
        bench.runner(lambda: Twin(2, upon=upon), lease_seconds=0).run_until_idle()
    bench.runner(lambda: Twin(2)).run_until_idle()
    found = of(bench, job_id, Purpose.FINISH)
    assert len(found) == len(set(found)) == 3 * len({number for number, _ in found})
    assert {t.state for t in bench.trainings(job_id)} == {CandidateState.SUCCEEDED}


def test_members_whose_place_is_uncertain_get_further_seeds_and_their_mean_counts(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2)).run_until_idle()
    repeated = of(bench, job_id, Purpose.REPEAT)
    assert 0 < len(repeated) <= 0.2 * (30 + len(repeated))
    rows = {row.number: row for row in bench.rows(job_id)}
    for number, seed in repeated:
        own = [t for t in bench.archive.trainings(job_id, number) if t.purpose is not Purpose.FINISH]
        assert 7 < seed < 7 + HELD_OUT
        assert rows[number].seeds == len(own)
        values = [t.metrics["bits_per_byte"] for t in own]
        assert rows[number].metrics["bits_per_byte"] == pytest.approx(sum(values) / len(values))
        assert rows[number].metrics["bits_per_byte_stderr"] > 0


@pytest.mark.parametrize("algorithm", ["random", "surrogate"])
@pytest.mark.parametrize(
    "objectives",
    [
        ("bits_per_byte",),
        ("parameters", "cache_bytes"),
        ("cache_bytes", "decode_ms"),
        ("parameters", "bits_per_byte", "cache_bytes", "train_seconds"),
    ],
)
@pytest.mark.usefixtures("small_pool")
def test_any_objectives_have_rungs_repeats_and_a_finish(
    bench: Bench, plan: Plan, objectives: tuple[str, ...], algorithm: str
) -> None:
    changes = {"objectives": objectives, "algorithm": algorithm, "rungs": {"tokens": [20 * 16 * 128]}, "candidates": 20}
    job_id = bench.queue(Plan.model_validate({**plan.model_dump(mode="json"), **changes}))
    bench.runner(lambda: Twin(2)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.why, job.done) == (JobState.SUCCEEDED, "", 20)
    finished = {number for number, _ in of(bench, job_id, Purpose.FINISH)}
    assert len(finished) == len(of(bench, job_id, Purpose.FINISH)) / 3 >= 2
    assert len(of(bench, job_id, Purpose.PROMOTION)) == 4


def test_a_failure_in_the_finish_fails_no_candidate(bench: Bench, plan: Plan) -> None:
    def fails(request: Request) -> Failure | None:
        return Failure.KILLED if request.seed >= HELD_OUT else None

    job_id = bench.queue(plan)
    bench.runner(lambda: Twin(2, fails=fails)).run_until_idle()
    assert {row.state for row in bench.rows(job_id)} == {CandidateState.SUCCEEDED}
    job = bench.archive.job(job_id)
    assert (job.state, job.failed) == (JobState.SUCCEEDED, 0)
