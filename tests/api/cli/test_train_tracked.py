"""`star train --track`: the settings, the curve, the metrics and the model, read back from a tracker's own files."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.commands import run
from tests.processes import eventually, star

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)

SMALL = ["11111-91111", "--task", "recall", "--set", "task.symbols=32", "--set", "task.pairs=4", "--set", "width=16"]
SMALL += ["--set", "head_dim=8", "--set", "budget.batch=2", "--set", "budget.length=16", "--set", "budget.validation=4"]
SHORT = [*SMALL, "--set", "budget.steps=20", "--set", "budget.warmup=2"]


def tracked(runs: Path, folder: Path) -> Any:
    """What TensorBoard knows of the training in a folder."""
    run_id = json.loads((folder / "tracked.json").read_text())["run"]
    found = accumulator.EventAccumulator(str(runs / run_id), size_guidance={"scalars": 0})
    found.Reload()
    return found


def text(found: Any, name: str) -> str:
    value: str = found.Tensors(f"{name}/text_summary")[-1].tensor_proto.string_val[0].decode()
    return value


def test_settings_curve_metrics_and_model_are_reported(tmp_path: Path) -> None:
    runs, folder = tmp_path / "runs", tmp_path / "model"
    said = run("train", *SHORT, "--to", folder, "--track", f"tensorboard:{runs}", "--seed", 3, "--json")
    expected = json.loads(said.stdout)
    found = tracked(runs, folder)
    assert [[one.step, pytest.approx(one.value)] for one in found.Scalars("loss")] == expected["curve"]
    for name, value in expected["metrics"].items():
        ((step, shown),) = [(one.step, one.value) for one in found.Scalars(name)]
        assert (step, shown) == (20, pytest.approx(value))
    assert "| genome | 1.1.1.1.1-9.1.1.1.1 |" in text(found, "parameters")
    assert "| budget.steps | 20 |" in text(found, "parameters")
    assert "population" not in text(found, "parameters")  # which is of a search
    assert text(found, "export/model") == folder.as_uri()
    assert text(found, "state") == "succeeded"


@pytest.mark.slow
def test_a_training_that_is_gone_on_with_is_the_same_run(tmp_path: Path) -> None:
    runs, folder = tmp_path / "runs", tmp_path / "model"
    long = [*SMALL, "--set", "budget.steps=2000", "--set", "budget.optimizer=soap", "--checkpoint-seconds", "0.2"]
    track = ["--track", f"tensorboard:{runs}"]
    with star("train", *long, "--to", str(folder), *track) as process:
        eventually(lambda: list(folder.glob("checkpoints/progress-*")), seconds=120)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=90)
    assert process.returncode == 130
    before = tracked(runs, folder)
    assert text(before, "state") == "interrupted"
    with star("train", "--resume", "--to", str(folder), *track, "--json") as process:
        said = json.loads(process.communicate(timeout=200)[0])
    assert process.returncode == 0
    found = tracked(runs, folder)
    assert [[one.step, pytest.approx(one.value)] for one in found.Scalars("loss")] == said["curve"]
    assert 0 < len(before.Scalars("loss")) < len(said["curve"])
    assert text(found, "state") == "succeeded"


def test_without_trackers_the_folder_has_no_file_of_them(tmp_path: Path) -> None:
    run("train", *SHORT, "--to", tmp_path / "model")
    assert not (tmp_path / "model" / "tracked.json").exists()


def test_a_tracker_that_cannot_be_is_refused_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("train", *SHORT, "--to", tmp_path / "model", "--track", "aim:here", status=2).stderr
    assert "the tracker 'aim' is unknown; legal: mlflow:PLACE" in said
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = run("train", *SHORT, "--to", tmp_path / "model", "--track", "mlflow:runs", status=2).stderr
    assert "pip install 'star-synthesis[mlflow]'" in said
    assert not (tmp_path / "model").exists()


def test_a_tracker_that_fails_is_named_once_and_the_model_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no directory")
    run("train", *SHORT, "--to", tmp_path / "model", "--track", f"tensorboard:{tmp_path / 'file'}")
    assert (tmp_path / "model" / "model.safetensors").exists()
    lines = [one.getMessage() for one in caplog.records if "tracker" in one.getMessage()]
    assert len(lines) == 1
    assert "the tracker tensorboard does not take reports: " in lines[0]
