"""What the kernels of the chunked recurrence compute in Triton's interpreter, against the meaning in float64."""

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
TOLERANCE = 3e-6
# With a decay a key, gradients of zero are rounding errors, which differ between machines; a log decay of -1e4
# multiplies them, so what is held is one rounding of float32 (2^-23) times 1e4.
BEHIND_TOLERANCE = 1e4 * 2**-23
# Triton's interpreter cuts float32 to bfloat16 instead of rounding it: up to 2^-7 = 0.0078 of a value.
CUT_TOLERANCE, NARROW_TOLERANCE = 0.008, 0.015
# The gradients of a whole model pass through other operations too, in another order of summation.
MODEL_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.star.ops.chunk_kernel.interpreted"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize(
    ("part", "cases", "tolerance", "others"),
    [
        ("shapes", 13, TOLERANCE, {}),
        ("gates", 6, TOLERANCE, {"small ones behind a large one, 8 a head": BEHIND_TOLERANCE}),
        ("layouts", 5, TOLERANCE, {"two dtypes": CUT_TOLERANCE}),
        ("narrow", 2, NARROW_TOLERANCE, {}),
        ("jagged", 1, TOLERANCE, {}),
        ("model", 29, MODEL_TOLERANCE, {}),
    ],
)
def test_outputs_and_gradients(
    found: dict[str, Any], part: str, cases: int, tolerance: float, others: dict[str, float]
) -> None:
    assert len(found[part]) == cases
    for case, errors in found[part].items():
        assert not {name: error for name, error in errors.items() if not error <= others.get(case, tolerance)}, case


@pytest.mark.parametrize(("part", "cases"), [("laws", 8), ("chosen", 4)])
def test_laws_and_the_choice(found: dict[str, Any], part: str, cases: int) -> None:
    assert len(found[part]) == cases
    assert not {name: held for name, held in found[part].items() if held is not True}
