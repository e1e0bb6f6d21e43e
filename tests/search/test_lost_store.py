"""A store of artifacts that fails costs no search."""

from __future__ import annotations

import threading

import pytest

from evaluator.artifacts import ArtifactError, Artifacts
from evaluator.evaluation import Failure, Request
from search.archive.values import Action, JobState
from search.plan import Plan
from tests.search.bench import Bench
from tests.search.twin import Twin

pytestmark = pytest.mark.slow


def test_artifacts_that_cannot_be_deleted_fail_no_job(
    bench: Bench, plan: Plan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(self: Artifacts, key: str) -> None:
        raise ArtifactError(f"artifact {key} cannot be deleted")

    job_id = bench.queue(plan)
    monkeypatch.setattr(Artifacts, "require_writable", lambda self: None)
    monkeypatch.setattr(Artifacts, "delete", refuses)
    bench.runner().run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    assert "cannot be deleted" in caplog.text
    assert "others cannot be deleted either" in caplog.text
    refused = [record for record in caplog.records if "cannot be deleted" in record.getMessage()]
    assert len(refused) <= plan.candidates + 2, "one line for each outcome and each sweep"
    monkeypatch.undo()
    left = set(Artifacts(str(bench.artifacts)).keys(job_id))
    assert left > bench.archive.artifacts(job_id), "the next sweep has something to do"


def test_a_job_waits_for_a_store_that_cannot_be_written(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.artifacts.write_text("a file, where the folder must be")
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.QUEUED, 0)
    assert "cannot be written" in job.why
    bench.artifacts.unlink()
    bench.archive.act(job_id, Action.RESUME)
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.why) == (JobState.SUCCEEDED, plan.candidates, "")


def test_a_store_that_fills_up_during_a_search_fails_no_candidate(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    kept = bench.artifacts.with_name("kept")

    def fails(request: Request) -> Failure | None:
        """Take the store away in the middle of the search, as a lost mount does; the worker reports what it met."""
        if request.candidate == 5 and not kept.exists():
            bench.artifacts.rename(kept)
            bench.artifacts.write_text("a file, where the folder must be")
            return Failure.STORAGE
        return None

    bench.runner(lambda: Twin(3, fails=fails)).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed) == (JobState.QUEUED, 4, 0)
    assert "a worker cannot use the store of artifacts: as asked" in job.why
    bench.archive.act(job_id, Action.RESUME)
    bench.runner().run_until_idle()
    assert "cannot be written" in bench.archive.job(job_id).why
    bench.artifacts.unlink()
    kept.rename(bench.artifacts)
    bench.archive.act(job_id, Action.RESUME)
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done, job.failed) == (JobState.SUCCEEDED, plan.candidates, 0)


def test_a_damaged_checkpoint_is_the_outcome_of_the_candidate_that_needs_it(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    fails = {3: Failure.DAMAGED}
    bench.runner(lambda: Twin(fails=lambda request: fails.get(request.candidate))).run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.failed) == (JobState.SUCCEEDED, 1)
    assert bench.archive.candidate(job_id, 3).failure is Failure.DAMAGED


def test_a_file_that_a_dying_worker_never_finished_is_deleted_though_its_training_goes_on(
    bench: Bench, plan: Plan
) -> None:
    job_id = bench.queue(plan)
    left = bench.artifacts / job_id / "3" / str(plan.seed) / "progress-409600.0123abcd.tmp"
    stop = threading.Event()

    def upon(request: Request) -> None:
        if request.candidate == 3:
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_bytes(b"half writ")
            stop.set()
            raise RuntimeError("the pool is closed in the middle of a training")

    bench.runner(lambda: Twin(upon=upon)).run_forever(stop)
    assert left.exists()
    bench.archive.act(job_id, Action.RESUME)
    seen: list[bool] = []
    bench.runner(lambda: Twin(upon=lambda request: seen.append(left.exists()))).run_until_idle()
    assert bench.archive.job(job_id).state is JobState.SUCCEEDED
    assert not any(seen)
