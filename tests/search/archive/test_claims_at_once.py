"""Many processes on one database: every job is claimed once, and no process fails on a lock."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from search.archive import Archive
from search.archive.values import JobState
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.claimer import claim_all

pytestmark = pytest.mark.slow

PROCESSES, JOBS = 8, 40


def test_processes_migrate_at_once_and_claim_every_job_once(url: str, plan: Plan) -> None:
    context = multiprocessing.get_context("forkserver")
    # Imported once, not by every process; only what is installed can be named here.
    context.set_forkserver_preload(["search.archive", "search.evolution.evolve"])
    archive = Archive(url)
    with context.Manager() as manager, ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        barrier = manager.Barrier(PROCESSES + 1, timeout=60)  # or a process that fails would keep all others
        futures = [pool.submit(claim_all, url, f"process {n}", barrier.wait) for n in range(PROCESSES)]
        barrier.wait()
        barrier.wait()
        ids = [archive.create_job(plan, str(n)).id for n in range(JOBS)]
        barrier.wait()
        claimed = [future.result() for future in futures]
    assert sorted(job_id for some in claimed for job_id in some) == sorted(ids)
    assert sum(bool(some) for some in claimed) > 1, "more than one process had its share"
    jobs = archive.jobs(JOBS).items
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert [len(points_of(archive, job.id)["number"]) for job in jobs] == [3] * JOBS
    events = archive.events(limit=100_000)
    assert len(events) == JOBS * (1 + 1 + 3 + 1)
    archive.close()
