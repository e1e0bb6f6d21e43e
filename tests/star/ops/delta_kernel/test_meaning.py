"""What the kernels of the delta rule compute in Triton's interpreter, against the meaning in float64."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

pytest.importorskip("triton", reason="triton is not installed on this platform")

ROOT = Path(__file__).parents[4]
TOLERANCE = 2e-6
# Triton's interpreter cuts float32 to bfloat16 instead of rounding it: up to 2^-7 = 0.0078 of a value.
NARROW_TOLERANCE = 0.02
# The gradients of a whole model pass through other operations too, in another order of summation.
MODEL_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.star.ops.delta_kernel.interpreted"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize(
    ("part", "cases", "tolerance"),
    [
        ("shapes", 10, TOLERANCE),
        ("gates", 5, TOLERANCE),
        ("layouts", 2, TOLERANCE),
        ("narrow", 1, NARROW_TOLERANCE),
        ("model", 37, MODEL_TOLERANCE),
    ],
)
def test_outputs_and_gradients(found: dict[str, Any], part: str, cases: int, tolerance: float) -> None:
    assert len(found[part]) == cases
    for case, errors in found[part].items():
        assert not {name: error for name, error in errors.items() if not error <= tolerance}, case


def test_laws_and_the_choice(found: dict[str, Any]) -> None:
    assert len(found["laws"]) == 5
    assert not {name: held for name, held in found["laws"].items() if held is not True}
