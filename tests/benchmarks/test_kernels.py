"""The kernel benchmark is one command: honest where there is no GPU, and run at tiny shapes there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from on_gpu import kernels
from on_gpu.clock import Rates
from on_gpu.operators import OPERATORS
from on_gpu.place import Place

from star.ops.kernels import KERNELS, Kernel, Language
from star.ops.native import library
from star.ops.recurrence import scan

ROOT = Path(__file__).parents[2]


def run(*options: str) -> str:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.on_gpu.kernels", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_without_a_gpu_it_says_that_it_was_not_run_and_succeeds(tmp_path: Path) -> None:
    assert "Not run: there is no GPU here" in run("--json", str(tmp_path / "kernels.json"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_dry_run_measures_every_operator_in_every_form(tmp_path: Path) -> None:
    run("--dry", "--json", str(tmp_path / "kernels.json"))
    found = json.loads((tmp_path / "kernels.json").read_text())
    assert (found["device"], found["dry"]) == ("cpu", True)
    assert found["rates"]["bytes"] > 0
    rows = {row["operator"]: row["forms"] for row in found["rows"] if row["dtype"] == "float32"}
    assert rows.keys() == OPERATORS.keys()
    assert len(found["rows"]) == 2 * len(rows)
    for name, forms in rows.items():
        operator = OPERATORS[name]
        assert forms.keys() - {"c"} == {*operator.forms, "pytorch, compiled"}
        in_c = {row.operator for row in KERNELS if row.language is Language.C and library() is not None}
        assert ("c" in forms) == (operator.kernel in in_c)
        for form in forms.values():
            assert form["forward_ms"]["median"] > 0
            assert form["relative_rms_error"] < 1e-5
            assert form["share_of_copy"] > 0
            assert (form["share_of_product"] > 0) == (name == "attention" or operator.axes == "BLHK")


def test_a_kernel_that_is_wrong_or_raises_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def wrong(inputs, state_BHKV):
        y_BLHV, last_BHKV = scan.recurrence(inputs, state_BHKV)
        return 1.01 * y_BLHV, last_BHKV

    def raising(inputs, state_BHKV):
        raise ValueError("no such size\nand more")

    def told(form):
        row = Kernel("recurrence", Language.C, lambda *inputs: True, lambda: form)
        monkeypatch.setattr(kernels, "KERNELS", (row,))
        place, rates = Place(torch.device("cpu"), True, tmp_path), Rates(1.0, {"float32": 1.0})
        measured = kernels.measured("scan of one key", (1, 8, 4, 1), torch.float32, place, rates)
        return measured["forms"]["c"], "\n".join(kernels.lines(measured))

    found, lines = told(wrong)
    assert found["wrong"]
    assert "WRONG" in lines
    found, lines = told(raising)
    assert found == {"failure": "ValueError: no such size"}
    assert "ValueError: no such size" in lines
