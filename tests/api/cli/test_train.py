"""`star train`: one genome by the loop of the search, whole, killed, stopped and gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import star as package
from api.cli.train import BARS, BARS_SHOWN, bars
from evaluator.evaluate import evaluate
from evaluator.metrics import MEASURED
from search.archive.runner_values import InFlight
from search.origin import Purpose
from search.plan.presets import merged
from search.run.request import request_of
from tests.api.cli.commands import run
from tests.processes import eventually, star

GENOME = "11111-91111"
SETTINGS = {
    "task.symbols": 32,
    "task.pairs": 4,
    "budget.batch": 2,
    "budget.length": 16,
    "budget.validation": 4,
    "width": 16,
    "head_dim": 8,
}
SMALL = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
SHORT = [GENOME, "--task", "recall", *SMALL, "--set", "budget.steps=20", "--set", "budget.warmup=2"]
LONG = [GENOME, "--task", "recall", *SMALL, "--set", "budget.steps=800", "--set", "budget.optimizer=soap"]


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    """An outcome without what a clock gave."""
    metrics = {
        name: value for name, value in document["metrics"].items() if name.removesuffix("_stderr") not in MEASURED
    }
    return document | {"metrics": metrics, "seconds": None}


def test_it_reports_what_the_search_reports_and_exports_the_model(tmp_path: Path) -> None:
    found = json.loads(run("train", *SHORT, "--to", tmp_path / "model", "--seed", 3, "--json").stdout)
    plan = merged(
        "laptop",
        {
            "space": {"classes": ["SA-1", "GMemless"], "depth": 2},
            "task": {"kind": "recall", "symbols": 32, "pairs": 4},
            "objectives": ["recall_error"],
            "budget": {"steps": 20, "batch": 2, "length": 16, "validation": 4, "warmup": 2},
            "width": 16,
            "head_dim": 8,
            "seed": 3,
        },
    )
    begun = InFlight(1, 3, plan.budget.tokens, Purpose.SEARCH, 1, plan.budget.tokens, "1.1.1.1.1-9.1.1.1.1", None)
    expected = evaluate(request_of(plan, plan.liv_space, "job", begun, str(tmp_path / "search"), None))
    assert expected.failure is None, expected.detail
    metrics = {name: value for name, value in expected.metrics.items() if name.removesuffix("_stderr") not in MEASURED}
    assert timeless(found)["metrics"] == metrics
    assert found["curve"] == [list(point) for point in expected.curve]
    model = package.load(tmp_path / "model")
    assert model(torch.zeros(1, 8, dtype=torch.long)).shape == (1, 8, 32)
    converted = package.convert(tmp_path / "model", tmp_path / "converted")
    assert (converted / "README.md").read_bytes() == (tmp_path / "model" / "README.md").read_bytes()
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "README.md",
        "evaluation.json",
        "genome.json",
        "model.safetensors",
        "training.json",
    ]
    assert json.loads((tmp_path / "model" / "evaluation.json").read_text()) == found


def test_people_see_the_metrics_and_the_curve(tmp_path: Path) -> None:
    said = run("train", *SHORT, "--to", tmp_path / "model").output
    for word in ("recall_error", "parameters", "train_seconds", "training loss in nats", "star.load(", "tokens/s"):
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give a GENOME and its settings, or --resume without them"),
        ([GENOME, "--resume"], "give a GENOME and its settings, or --resume without them"),
        (["--resume", "--seed", "1"], "give a GENOME and its settings, or --resume without them"),
        (["--resume"], "holds no training that can be gone on with"),
        (["99.1.1.1"], "it must be five integers"),
        ([GENOME, "--task", "vision"], "task 'vision' is unknown; legal: "),
        ([GENOME, "--preset", "desk"], "preset 'desk' is unknown; legal: laptop"),
        ([GENOME, "--set", "candidates=3"], "a training has no field candidates; legal: budget, context"),
        ([GENOME, "--set", "budget.optimizer=sgd"], "'adamw', 'muon'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(arguments: list[str], says: str, tmp_path: Path) -> None:
    assert says in run("train", *arguments, "--to", tmp_path / "model", status=2).output
    assert not (tmp_path / "model").exists()


def test_a_folder_is_neither_overwritten_nor_gone_on_with_when_its_training_has_ended(tmp_path: Path) -> None:
    run("train", *SHORT, "--to", tmp_path / "model")
    assert "is not empty" in run("train", *SHORT, "--to", tmp_path / "model", status=2).output
    assert "has ended" in run("train", "--resume", "--to", tmp_path / "model", status=2).output


def test_a_training_that_fails_says_why_and_exports_nothing(tmp_path: Path) -> None:
    rates = ["--set", "budget.learning_rate=1", "--set", "budget.optimizer=lion", "--set", "budget.steps=60"]
    said = run("train", *SHORT, *rates, "--to", tmp_path / "model", status=1).output
    assert "the training failed: diverged: DivergenceError: at step " in said
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == ["training.json"]


@pytest.mark.parametrize("count", [1, 2, BARS_SHOWN, 100])
def test_bars_go_from_the_lowest_to_the_highest(count: int) -> None:
    drawn = bars([float(n) for n in range(count)])
    assert len(drawn) == min(count, BARS_SHOWN)
    assert list(drawn) == sorted(drawn)
    assert set(drawn) <= set(BARS)


def whole(folder: Path) -> dict[str, Any]:
    with star("train", *LONG, "--to", str(folder), "--json") as process:
        said, told = process.communicate(timeout=200)
    assert process.returncode == 0, told
    return json.loads(said)  # type: ignore[no-any-return]


def begun(folder: Path, sign: signal.Signals) -> tuple[int, str]:
    """Send a signal to a training once it has written a checkpoint. Return its exit code and what it said."""
    arguments = () if folder.exists() else LONG
    resume = ["--resume"] if folder.exists() else []
    checkpoints = folder / "checkpoints"
    before = {file: file.stat().st_mtime_ns for file in checkpoints.iterdir()} if checkpoints.exists() else {}
    with star("train", *arguments, *resume, "--to", str(folder), "--checkpoint-seconds", "0.2") as process:
        eventually(
            lambda: (
                checkpoints.exists()
                and {file: file.stat().st_mtime_ns for file in checkpoints.glob("progress-*[0-9]")} != before
            ),
            seconds=120,
        )
        os.kill(process.pid, sign)
        said = process.communicate(timeout=60)[1]
    return process.returncode, said


@pytest.mark.slow
def test_killed_and_stopped_trainings_go_on_and_end_as_the_uninterrupted_one(tmp_path: Path) -> None:
    expected = whole(tmp_path / "whole")
    folder = tmp_path / "killed"
    assert begun(folder, signal.SIGKILL)[0] == -signal.SIGKILL
    code, said = begun(folder, signal.SIGINT)
    assert code == 130
    assert f"`star train --resume --to {folder}` goes on from there" in said
    with star("train", "--resume", "--to", str(folder), "--json") as process:
        found, told = process.communicate(timeout=200)
    assert process.returncode == 0, told
    stopped, first = re.search(r"stopped at step (\d+);", said), re.search(r"step (\d+)/800 ", told)
    assert stopped
    assert first
    assert 0 < int(stopped[1]) <= int(first[1])
    assert timeless(json.loads(found)) == timeless(expected)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]
    assert not (folder / "checkpoints").exists()
