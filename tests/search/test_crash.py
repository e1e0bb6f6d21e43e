"""A runner is killed several times: no outcome is lost, and none is recorded twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from evaluator.artifacts import Artifacts
from genome import sample
from search.archive import Archive
from search.archive.values import CandidateState, JobState
from search.plan import Plan, SpacePlan
from search.run.runner import Runner
from tests.search.twin import Twin, corner, twin_costs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_killed_search_goes_on_where_it_was(archive: Archive, url: str, tmp_path: Path) -> None:
    plan = Plan(space=SpacePlan(depth=4), candidates=40, population=6, seed=3)
    job_id = archive.create_job(plan, "").id
    artifacts, log = tmp_path / "artifacts", tmp_path / "log"
    asked = [sample(plan.liv_space, np.random.default_rng(n)).genome for n in (100, 101)]
    for done, genome in zip((6, 15), asked, strict=True):
        archive.inject(job_id, genome)
        interrupted = _killed_after(archive, job_id, done, [url, str(artifacts), str(log), "0.02"])
        _wait_for_lease(archive)
        for candidate in interrupted:
            assert archive.candidate(job_id, candidate).state is CandidateState.RUNNING
    store = Artifacts(str(artifacts))
    store.write(f"{job_id}/999/3/weights-1.safetensors", b"written, but never recorded")
    (artifacts / job_id / "1.123.tmp").write_bytes(b"half writ")
    Runner(archive, lambda: Twin(3, log=log), str(artifacts), corner, twin_costs, "last").run_until_idle()

    job = archive.job(job_id)
    rows = archive.candidates(job_id, 100).items
    assert (job.state, job.done, job.candidates_total) == (JobState.SUCCEEDED, plan.candidates + 2, plan.candidates + 2)
    assert [c.genome for c in rows if c.variation == "injected"] == [str(genome) for genome in asked]
    assert {c.state for c in rows} == {CandidateState.SUCCEEDED}
    assert archive.history(job_id)["done"] == list(range(1, plan.candidates + 3))

    begun = Counter(int(line.split()[0]) for line in log.read_text().splitlines())
    attempts = {c.number: archive.trainings(job_id, c.number)[0].attempt for c in rows}
    assert set(begun) == set(attempts)
    assert all(begun[number] <= attempts[number] for number in attempts)
    assert max(attempts.values()) > 1, "candidates in flight were begun again"
    finished = [
        e.data["number"] for e in archive.events(job_id, limit=10_000) if "done" in e.data and "number" in e.data
    ]
    assert sorted(finished) == sorted(attempts), "each outcome was announced once"

    kept = {c.number for c in rows if c.frontier or c.baseline}
    assert {c.number for c in rows if c.weights} == kept
    assert set(store.keys(job_id)) == archive.artifacts(job_id) == {c.weights["key"] for c in rows if c.weights}


def _killed_after(archive: Archive, job_id: str, done: int, arguments: list[str]) -> list[int]:
    """Start a runner, kill it after `done` outcomes, and return the candidates it had in flight."""
    process = subprocess.Popen([sys.executable, "-m", "tests.search.runner_process", *arguments], cwd=ROOT)
    try:
        while archive.job(job_id).done < done:
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return [candidate.number for candidate in archive.in_flight(job_id)]


def _wait_for_lease(archive: Archive) -> None:
    """Wait until the lease of the dead runner has run out."""
    while archive.jobs().items[0].workers_busy:
        time.sleep(0.05)
