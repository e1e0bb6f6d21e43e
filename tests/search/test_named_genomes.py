"""Genomes that people name: with the plan, and while a search runs."""

from __future__ import annotations

import pytest

from search.plan import Plan
from tests.search.bench import Bench
from tests.search.twin import Twin

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
