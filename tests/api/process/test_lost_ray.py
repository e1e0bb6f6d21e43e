"""A runner that does not reach Ray says so in the job, and the job goes on once Ray is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.archive import Archive
from search.archive.values import Action, JobState
from search.plan import Plan
from tests.processes import eventually
from tests.served import SMALL

pytestmark = pytest.mark.slow

NOWHERE = "127.0.0.1:1"


@contextmanager
def runner(folder: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    kept = ["--database", f"sqlite:///{folder / 'star.db'}", "--artifacts", str(folder / "artifacts")]
    command = [sys.executable, "-m", "api.cli", "run", *kept]
    with subprocess.Popen(command, env=os.environ | variables, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def test_a_wrong_address_of_ray_puts_the_job_off_and_an_address_of_others_is_not_used(tmp_path: Path) -> None:
    archive = Archive(f"sqlite:///{tmp_path / 'star.db'}")
    archive.migrate()
    budget = {"steps": 2, "batch": 2, "length": 8, "warmup": 0}
    job_id = archive.create_job(Plan.model_validate({**SMALL, "candidates": 2, "budget": budget}), "").id
    with runner(tmp_path, STAR_RAY_ADDRESS=NOWHERE) as process:
        eventually(lambda: f"no Ray head answers at {NOWHERE}" in archive.job(job_id).why)
        assert archive.job(job_id).state is not JobState.FAILED
        assert process.poll() is None, "the runner looks for further jobs"
    archive.act(job_id, Action.RESUME)
    with runner(tmp_path, RAY_ADDRESS=NOWHERE):  # where Ray looks for a cluster by itself
        eventually(lambda: archive.job(job_id).state is JobState.SUCCEEDED, seconds=120)
    assert archive.job(job_id).failed == 0
    archive.close()
