"""Workers and runners die at random moments of a whole search: nothing is lost and nothing counts twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from evaluator.artifacts import Artifacts
from evaluator.evaluation import Failure
from search.archive import Archive
from search.archive.values import CandidateState, JobState
from search.origin import Purpose
from search.plan import AlgorithmName, Finish, Plan, Rungs, SpacePlan
from search.run.retries import ATTEMPTS, Loss

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
STEP = 16 * 128
RUNNERS, WORKERS = 10, 50
"""Runners that are killed on each database, and workers at least."""

PLAN = Plan(
    space=SpacePlan(depth=4),
    algorithm=AlgorithmName.RANDOM,
    candidates=300,
    rungs=Rungs(tokens=(20 * STEP, 60 * STEP), promoted=0.4),
    repeats=0.2,
    finish=Finish(seeds=3, members=8),
    seed=1,
)


def test_nothing_is_lost_and_nothing_counts_twice(archive: Archive, url: str, tmp_path: Path) -> None:
    job_id = archive.create_job(PLAN, "").id
    moments = random.Random(0)
    for seed in range(RUNNERS):
        process = _runner(url, tmp_path, seed)
        begun = archive.job(job_id).outcomes
        while archive.job(job_id).outcomes == begun and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.random() * 0.6)
        assert process.poll() is None, "the job must outlast the runners that are killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
    while archive.job(job_id).state is not JobState.SUCCEEDED:
        assert _runner(url, tmp_path, RUNNERS).wait(300) == 0
        time.sleep(0.2)

    job, rows = archive.job(job_id), archive.candidates(job_id, 1000).items
    trainings = {row.number: archive.trainings(job_id, row.number) for row in rows}
    every = [training for own in trainings.values() for training in own]
    assert {training.state for training in every} <= {CandidateState.SUCCEEDED, CandidateState.FAILED}
    assert sorted(training.outcome or 0 for training in every) == list(range(1, len(every) + 1))
    assert (job.done, job.outcomes, job.candidates_total) == (300, len(every), 300)
    assert max(training.attempt for training in every) > 1
    for own in trainings.values():
        assert len({(training.seed, training.tokens) for training in own}) == len(own)
    past = archive.past_trainings(job_id)
    assert job.tokens == archive.history(job_id)["tokens"][-1] == sum(one.spent for one in past)

    assert job.lost >= WORKERS
    assert job.lost >= sum(sum(training.losses.values()) for training in every) > 0
    for training in every:
        expected = {Loss.KILLED: ATTEMPTS[Loss.KILLED], Loss.TOGETHER: ATTEMPTS[Loss.TOGETHER]}
        assert all(count < ATTEMPTS[Loss(kind)] for kind, count in training.losses.items())
        if training.failure is Failure.KILLED:
            assert any(training.losses.get(kind, 0) + 1 == most for kind, most in expected.items())
    assert job.failed == sum(row.state is CandidateState.FAILED for row in rows)
    counts = Counter(training.purpose for training in every)
    assert counts.keys() == set(Purpose) - {Purpose.WARM_START, Purpose.RETRY}
    finalists = {number for number, own in trainings.items() if any(t.purpose is Purpose.FINISH for t in own)}
    assert counts[Purpose.FINISH] == 3 * len(finalists)
    store = Artifacts(str(tmp_path / "artifacts"))
    assert set(store.keys(job_id)) == archive.artifacts(job_id)


def _runner(url: str, folder: Path, seed: int) -> subprocess.Popen[bytes]:
    arguments = [url, str(folder / "artifacts"), str(seed)]
    return subprocess.Popen([sys.executable, "-m", "tests.search.faulty_runner", *arguments], cwd=ROOT)
