"""Two steps of a training with every Triton kernel in the interpreter change a model as PyTorch's forms do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("triton", reason="triton is not installed on this platform")

LOSS = 2e-6
"""Largest relative difference of a loss."""

MOVED = 1e-4
"""Largest difference of a parameter, as a share of the way that it went.

AdamW divides a gradient by its own size, so where one is about zero the order of a sum decides the step.
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "STAR_KERNELS": "triton", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.evaluator.trained_on_kernels"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_every_operator_ran_as_a_kernel_and_then_in_pytorch(found: dict[str, Any]) -> None:
    operators = ["gated_convolution", "recurrence", "short_convolution"]
    assert [form for form in found["kernels"]["forms"] if form[1] != "torch"] == [
        [each, "triton"] for each in operators
    ]
    assert {tuple(form) for form in found["torch"]["forms"]} >= {(each, "torch") for each in operators}
    assert {form for _, form in found["torch"]["forms"]} == {"torch"}


def test_the_losses_agree(found: dict[str, Any]) -> None:
    assert len(found["torch"]["losses"]) == 2
    assert found["kernels"]["losses"] == pytest.approx(found["torch"]["losses"], rel=LOSS)
    assert found["torch"]["losses"][0] != found["torch"]["losses"][1]


def test_the_parameters_went_the_same_way(found: dict[str, Any]) -> None:
    far = found["far"]
    assert any("taps" in name for name in far)
    assert all(far.values())
    assert not {name: apart for name, apart in found["apart"].items() if not apart <= MOVED * far[name]}
