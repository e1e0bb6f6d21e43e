"""`star train` under torchrun: the numbers of one process, and checkpoints for any number of processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

import star as package
from tests.processes import children, descendants, eventually, star, torchrun

pytestmark = pytest.mark.slow

GENOME = "1.1.1.1.1-112.1.1.1.1-44.1.1.1.1"
"""Attention, routed experts with a term for their balance, and a recurrence."""

RECALL = {"task.kind": "recall", "task.symbols": 32, "task.pairs": 4}
SIZES = {
    "budget.batch": 5,
    "budget.length": 16,
    "budget.validation": 8,
    "budget.warmup": 2,
    "budget.steps": 10,
    "width": 32,
    "head_dim": 8,
}


def words(settings: dict[str, Any]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


TEN = [GENOME, *words(RECALL | SIZES)]
LONG = [GENOME, *words(RECALL | SIZES | {"budget.steps": 200, "budget.learning_rate": 0.0003})]


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, told = process.communicate(timeout=200)
    assert process.returncode == 0, told
    found: dict[str, Any] = json.loads(said)
    return found


def alone(*arguments: str) -> dict[str, Any]:
    with star("train", *arguments, "--json") as process:
        return outcome(process)


def together(*arguments: str) -> dict[str, Any]:
    with torchrun("-m", "api.cli", "train", *arguments, "--json") as process:
        return outcome(process)


def require_alike(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    assert [step for step, _ in found["curve"]] == [step for step, _ in expected["curve"]]
    losses = [[loss for _, loss in one["curve"]] for one in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=tolerance)
    assert found["metrics"].keys() == expected["metrics"].keys()
    assert found["metrics"]["recall_error"] == pytest.approx(expected["metrics"]["recall_error"], abs=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"budget.checkpoint_activations": "true"},
        {"budget.rates": [0.001, 0.01], "budget.rate_steps": 3},
    ],
    ids=["plain", "activations are computed again", "rates are tried"],
)
def test_two_processes_compute_what_one_does(settings: dict[str, Any], tmp_path: Path) -> None:
    changed = [*TEN, *words(settings)]
    expected = alone(*changed, "--to", str(tmp_path / "one"))
    found = together(*changed, "--to", str(tmp_path / "two"))
    require_alike(found, expected, 1e-4)
    assert len(found["curve"]) == 10
    files = [sorted(file.name for file in (tmp_path / name).iterdir()) for name in ("one", "two")]
    assert files[0] == files[1], "process 0 alone writes"
    models = [package.load(tmp_path / name) for name in ("one", "two")]
    for one, two in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


def test_several_tasks_are_several_trainings(tmp_path: Path) -> None:
    tasks = [{"kind": "recall", "symbols": 32, "pairs": 4}, {"kind": "recall", "symbols": 16, "pairs": 2}]
    several = [GENOME, *words(SIZES | {"task.kind": "several", "task.tasks": json.dumps(tasks)})]
    expected = alone(*several, "--to", str(tmp_path / "one"))
    found = together(*several, "--to", str(tmp_path / "two"))
    losses = [[loss for _, loss in one["curve"]] for one in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_more_processes_than_sequences_are_refused(tmp_path: Path) -> None:
    with torchrun("-m", "api.cli", "train", *TEN, "--set", "budget.batch=1", "--to", str(tmp_path / "two")) as process:
        told = process.communicate(timeout=100)[1]
    assert process.returncode != 0
    assert "budget.batch is 1; with 2 processes it must be 2 or more" in told


def checkpoints(folder: Path) -> set[str]:
    """The whole checkpoints of one process or of several."""
    found = folder.glob("checkpoints/shards-*/*/state.json"), folder.glob("checkpoints/progress-*[0-9]")
    return {f"{file} {file.stat().st_mtime_ns}" for files in found for file in files}


def interrupted(
    process: subprocess.Popen[str], folder: Path, sign: signal.Signals, of: Any, status: int | None = None
) -> str:
    """Send a signal to a process of a training once it has written a checkpoint; return what was said.

    The status is required at the end; without one, any but 0.
    """
    before = checkpoints(folder)
    eventually(lambda: checkpoints(folder) - before, seconds=120)
    os.kill(of(process.pid), sign)
    told = process.communicate(timeout=100)[1]
    assert process.returncode == status if status is not None else process.returncode, told
    return told


def one_worker(pid: int) -> int:
    return children(pid)[-1]


def test_a_training_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    expected = alone(*LONG, "--to", str(tmp_path / "whole"))
    folder = tmp_path / "changing"
    often = ["--to", str(folder), "--checkpoint-seconds", "0"]
    with torchrun("-m", "api.cli", "train", *LONG, *often) as process:
        told = interrupted(process, folder, signal.SIGINT, lambda pid: pid)
    stopped = re.search(r"star: stopped at step (\d+); `star train --resume --to", told)
    assert stopped, told
    assert list(folder.glob("checkpoints/shards-*/*/*.safetensors"))
    with star("train", "--resume", *often) as process:
        interrupted(process, folder, signal.SIGKILL, lambda pid: pid)
    assert list(folder.glob("checkpoints/progress-*"))
    with torchrun("-m", "api.cli", "train", "--resume", *often) as process:
        interrupted(process, folder, signal.SIGKILL, one_worker)
        eventually(lambda: not descendants(process.pid))
    assert checkpoints(folder), "the death of a process leaves the last checkpoint"
    with torchrun("-m", "api.cli", "train", "--resume", *often, restarts=1) as process:
        interrupted(process, folder, signal.SIGKILL, one_worker, status=0)
    found = json.loads((folder / "evaluation.json").read_text())
    require_alike(found, expected, 1e-3)
    assert not (folder / "checkpoints").exists()
