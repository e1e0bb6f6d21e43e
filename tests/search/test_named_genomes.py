"""Genomes that people name: with the plan, and while a search runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from evaluator.evaluation import Request
from genome import Genome, sample
from search.archive.errors import KnownGenomeError
from search.archive.values import JobState
from search.plan import HELD_OUT, AlgorithmName, Finish, Plan
from tests.search.bench import Bench
from tests.search.twin import Twin, analytic

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pool")]


def test_the_genomes_of_the_plan_are_trained_after_the_baselines(bench: Bench, plan: Plan) -> None:
    texts = ("1.1.1.1.1-1.1.1.1.1-9.1.1.1.1-9.1.1.1.1", "9.1.1.1.1-1.1.1.1.1-1.1.1.1.1-9.1.1.1.1")
    job_id = bench.queue(Plan.model_validate(plan.model_dump() | {"genomes": texts}))
    bench.runner(lambda: Twin(4)).run_until_idle()
    rows = bench.rows(job_id)
    assert [row.genome for row in rows[2:4]] == list(texts)
    given = [(row.variation, row.choice["reason"]) for row in rows if row.variation == "given"]
    assert given == [("given", "given")] * 2
    assert bench.archive.job(job_id).done == len(rows) == plan.candidates


def wanted(plan: Plan, count: int, seed: int = 99) -> list[Genome]:
    """Return genomes of the plan's space that a search with another seed would not sample."""
    rng = np.random.default_rng(seed)
    return [sample(plan.liv_space, rng).genome for _ in range(count)]


def ask_at(bench: Bench, job_id: str, at: dict[int, Genome], request: Request) -> None:
    """Ask for a genome when the training of a candidate ends, unless this was done before."""
    genome = at.get(request.candidate)
    if genome is not None:
        with suppress(KnownGenomeError):
            bench.archive.inject(job_id, genome)


@pytest.mark.parametrize("algorithm", AlgorithmName)
def test_a_genome_asked_for_is_trained_next_and_the_search_keeps_its_own_budget(
    bench: Bench, plan: Plan, algorithm: AlgorithmName
) -> None:
    plan = plan.model_copy(update={"algorithm": algorithm})
    genomes = wanted(plan, 4)
    job_id = bench.queue(plan)
    at = dict(zip((1, 5, 12, plan.candidates + 3), genomes, strict=True))  # the last one when all else has ended
    bench.runner(partial(Twin, upon=partial(ask_at, bench, job_id, at))).run_until_idle()
    job, rows = bench.archive.job(job_id), bench.rows(job_id)
    assert (job.state, job.why) == (JobState.SUCCEEDED, "")
    assert job.done == job.candidates_total == len(rows) == plan.candidates + 4
    found = {row.number: row.genome for row in rows if row.variation == "injected"}
    assert found == {number + 1: str(genome) for number, genome in at.items()}
    assert {row.choice["reason"] for row in rows if row.variation == "injected"} == {"injected"}


def test_a_search_told_of_a_genome_is_the_same_search_after_any_stop(bench: Bench, plan: Plan) -> None:
    genomes = wanted(plan, 2)
    stories = []
    for stops in ((), (4, 9, 14)):
        job_id = bench.queue(plan)
        ask = partial(ask_at, bench, job_id, {3: genomes[0], 9: genomes[1]})
        for last in stops:
            stop = threading.Event()

            def upon(request: Request, ask: Callable[[Request], None], last: int, stop: threading.Event) -> None:
                ask(request)
                if request.candidate == last:
                    stop.set()

            bench.runner(partial(Twin, upon=partial(upon, ask=ask, last=last, stop=stop))).run_forever(stop)
        bench.runner(partial(Twin, upon=ask)).run_until_idle()
        stories.append([(row.number, row.genome, row.parents, row.frontier) for row in bench.rows(job_id)])
    assert stories[0] == stories[1]
    assert [row[1] for row in stories[0]][3:11:6] == [str(genome) for genome in genomes]


def test_a_genome_asked_for_during_the_honest_finish_is_trained_and_may_be_a_finalist(bench: Bench, plan: Plan) -> None:
    plan = plan.model_copy(update={"finish": Finish(seeds=2, members=1000), "algorithm": AlgorithmName.RANDOM})
    genomes = wanted(plan, 20)
    best = min(genomes, key=lambda genome: analytic(genome)["bits_per_byte"])
    job_id = bench.queue(plan)

    def upon(request: Request) -> None:
        if request.seed >= HELD_OUT and not bench.archive.job(job_id).candidates_total > plan.candidates:
            with suppress(KnownGenomeError):
                bench.archive.inject(job_id, best)

    bench.runner(lambda: Twin(2, upon=upon)).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    rows = bench.rows(job_id)
    assert [row.genome for row in rows if row.variation == "injected"] == [str(best)]
    finalists = {one.number for one in bench.archive.finalists(job_id) if one.baseline is None}
    assert {row.number for row in rows if row.frontier and not row.baseline} <= finalists


def test_a_genome_asked_for_survives_the_death_of_runners(bench: Bench, plan: Plan) -> None:
    class Death(BaseException):
        """The end of the runner's process."""

    genomes = dict(zip((2, 3, 7), wanted(plan, 3), strict=True))
    job_id = bench.queue(plan)
    died: set[int] = set()

    def upon(request: Request) -> None:
        if request.candidate in genomes and request.candidate not in died:
            died.add(request.candidate)
            bench.archive.inject(job_id, genomes[request.candidate])
            raise Death

    for _ in genomes:
        with pytest.raises(Death):
            bench.runner(lambda: Twin(3, upon=upon), lease_seconds=0).run_until_idle()
    bench.runner(lambda: Twin(3, upon=upon)).run_until_idle()
    rows = bench.rows(job_id)
    assert sorted(row.genome for row in rows if row.variation == "injected") == sorted(map(str, genomes.values()))
    assert len(rows) == bench.archive.job(job_id).done == plan.candidates + 3
