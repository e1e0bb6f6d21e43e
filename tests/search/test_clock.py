"""The clock of the database goes back: a dead runner's job is taken over all the same, and a living one's is not."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from search.archive import Archive
from search.archive.schema.engine import database_url
from search.archive.values import JobState
from search.plan import AlgorithmName, Plan
from tests.processes import eventually
from tests.search.bench import Bench

pytestmark = pytest.mark.slow

HOUR = 3600.0


@pytest.fixture
def plan(plan: Plan) -> Plan:
    return plan.model_copy(update={"algorithm": AlgorithmName.NSGA2, "candidates": 4})


def put_forward(url: str, column: str, seconds: float) -> None:
    """Move a time in the rows of all jobs, as if the clock had gone back since it was written."""
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE jobs SET {column} = {column} + {seconds}"))
    engine.dispose()


def test_a_job_of_a_dead_runner_is_taken_over(bench: Bench, archive: Archive, url: str, plan: Plan) -> None:
    job_id = bench.queue(plan)
    assert archive.claim("dies at once", 0.5) is not None
    put_forward(url, "lease_until", HOUR)
    stop = threading.Event()
    runner = threading.Thread(target=bench.runner(lease_seconds=0.5).run_forever, args=(stop,))
    runner.start()
    try:
        eventually(lambda: archive.job(job_id).state is JobState.SUCCEEDED)
    finally:
        stop.set()
        runner.join()


def test_a_job_of_a_living_runner_stays_with_it(bench: Bench, archive: Archive, plan: Plan) -> None:
    bench.queue(plan)
    claim = archive.claim("lives, with leases of an hour", HOUR)
    assert claim is not None
    stop = threading.Event()
    runner = threading.Thread(target=bench.runner(lease_seconds=0.5).run_forever, args=(stop,))
    runner.start()
    for _ in range(30):
        archive.heartbeat(claim)
        time.sleep(0.05)
    stop.set()
    runner.join()
    assert archive.heartbeat(claim) is JobState.RUNNING
    assert bench.twins == []


def test_a_pause_does_not_grow_with_the_clock(archive: Archive, url: str, plan: Plan) -> None:
    archive.create_job(plan, "")
    claim = archive.claim("puts it off", 60)
    assert claim is not None
    archive.put_off(claim, "something is missing", lambda faults: 60.0)
    assert archive.claim("another", 60) is None
    put_forward(url, "retry_at", 2 * HOUR)
    assert archive.claim("another", 60) is not None
