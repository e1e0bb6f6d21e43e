"""The benchmark of training steps is one command: honest where there is no GPU, and run at a tiny size there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def run(*options: str) -> str:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.on_gpu.step", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_gpu_it_says_that_it_was_not_run_and_succeeds(tmp_path: Path) -> None:
    assert "Not run: there is no GPU here" in run("--json", str(tmp_path / "steps.json"))
    assert not list(tmp_path.iterdir())


def test_a_dry_run_trains_each_model_in_each_way(tmp_path: Path) -> None:
    run("--dry", "--json", str(tmp_path / "steps.json"))
    found = json.loads((tmp_path / "steps.json").read_text())
    assert (found["device"], found["dry"]) == ("cpu", True)
    models = {"Transformer++", "striped hybrid", "Rec-1/Mamba-2 hybrid"}
    ways = [(row["model"], row["kernels"], row["checkpointed"]) for row in found["rows"]]
    assert sorted(ways) == sorted((m, k, c) for m in models for k in ("auto", "torch") for c in (False, True))
    for row in found["rows"]:
        rate = row["tokens_per_second"]
        assert 0 < rate["least"] <= rate["median"] <= rate["most"]
        assert (row["parts"], row["peak_bytes"]) == (1, None)
    in_torch = {tuple(form) for row in found["rows"] if row["kernels"] == "torch" for form in row["forms"]}
    assert ("recurrence", "torch") in in_torch
    assert {language for _, language in in_torch} == {"torch"}
