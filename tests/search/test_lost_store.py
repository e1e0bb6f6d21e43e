"""A store of artifacts that fails costs no search."""

from __future__ import annotations

import pytest

from evaluator.artifacts import ArtifactError, Artifacts
from search.archive.values import JobState
from search.plan import Plan
from tests.search.bench import Bench

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
    monkeypatch.undo()
    left = set(Artifacts(str(bench.artifacts)).keys(job_id))
    assert left > bench.archive.artifacts(job_id), "the next sweep has something to do"


def test_a_job_waits_for_a_store_that_cannot_be_written(bench: Bench, plan: Plan) -> None:
    job_id = bench.queue(plan)
    bench.artifacts.write_text("a file, where the folder must be")
    claim = bench.archive.claim("early", 0)
    assert claim is not None
    bench.runner().run_job(claim)
    assert bench.archive.job(job_id).state is JobState.RUNNING
    bench.artifacts.unlink()
    bench.runner().run_until_idle()
    job = bench.archive.job(job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, plan.candidates)
