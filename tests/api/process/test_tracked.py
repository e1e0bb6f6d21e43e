"""A runner process reports its searches to the trackers of the settings; settings that cannot be end a start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.archive import Archive
from search.archive.values import JobState
from search.plan.presets import merged
from tests.processes import eventually

pytestmark = pytest.mark.slow

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)
mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")

PLAN = merged(
    "laptop",
    {
        "width": 16,
        "head_dim": 4,
        "space": {"depth": 2, "classes": ["SA-1", "GMemless"]},
        "candidates": 2,
        "population": 2,
        "budget": {"steps": 2, "batch": 2, "length": 16, "validation": 4, "warmup": 1},
        "rungs": {"tokens": []},
        "repeats": 0,
        "finish": {"seeds": 0},
    },
)


def places(folder: Path, trackers: str) -> dict[str, str]:
    found = {"STAR_ARTIFACTS": str(folder / "artifacts"), "STAR_DATABASE_URL": f"sqlite:///{folder / 'star.db'}"}
    return os.environ | found | {"STAR_TRACKERS": trackers, "STAR_WORKERS": "1"}


def test_a_search_is_in_both_trackers_once_its_runner_has_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = places(tmp_path, f"tensorboard:{tmp_path / 'tb'},mlflow:{tmp_path / 'ml'}")
    archive = Archive(environment["STAR_DATABASE_URL"])
    archive.migrate()
    job_id = archive.create_job(PLAN, "tracked").id
    command = [sys.executable, "-m", "api.cli", "run"]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, start_new_session=True) as process:
        try:
            eventually(lambda: archive.job(job_id).state is JobState.SUCCEEDED, seconds=180)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    job, rows = archive.job(job_id), archive.candidates(job_id, 10).items
    archive.close()

    events = accumulator.EventAccumulator(str(tmp_path / "tb" / job_id))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("candidate/parameters")] == [
        (row.number, row.metrics["parameters"]) for row in rows
    ]
    assert events.Scalars("hypervolume")[-1].value == pytest.approx(job.hypervolume)

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.MlflowClient(tracking_uri=str(tmp_path / "ml"))
    experiment = client.get_experiment_by_name("star").experiment_id
    (search,) = client.search_runs([experiment], f"tags.`star.id` = '{job_id}'")
    assert (search.info.run_name, search.info.status) == ("tracked", "FINISHED")
    candidates = client.search_runs([experiment], "tags.`star.kind` = 'candidate'")
    found = {one.data.params["genome"]: one.data.metrics for one in candidates}
    assert found == {row.genome: row.metrics for row in rows}


@pytest.mark.parametrize("command", [("run",), ("serve", "--port", "0")], ids=["run", "serve"])
def test_an_unknown_tracker_ends_a_start_with_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *command],
        env=places(tmp_path, "aim:here"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 2
    assert "the tracker 'aim' is unknown; legal: mlflow:PLACE, tensorboard:PLACE, wandb:PLACE" in done.stderr
    assert len(done.stderr.splitlines()) == 1
