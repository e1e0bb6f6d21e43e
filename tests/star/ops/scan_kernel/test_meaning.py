"""What the scan's kernels compute in Triton's interpreter: outputs and all gradients against the meaning in float64."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

pytest.importorskip("triton", reason="triton is not installed on this platform")

ROOT = Path(__file__).parents[4]
TOLERANCE = 2e-6
# The gradients of a whole model pass through other operations too, in another order of summation.
MODEL_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.star.ops.scan_kernel.interpreted"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize(
    ("part", "cases", "tolerance"),
    [
        ("shapes", 10, TOLERANCE),
        ("gates", 3, TOLERANCE),
        # Triton's interpreter cuts float32 to bfloat16 instead of rounding it: up to 2^-7 = 0.0078 of a value.
        ("layouts", 3, {"two dtypes": 0.008, "parts": TOLERANCE, "sum": TOLERANCE}),
    ],
)
def test_outputs_and_gradients(found: dict[str, Any], part: str, cases: int, tolerance: Any) -> None:
    assert len(found[part]) == cases
    for case, errors in found[part].items():
        bound = tolerance if isinstance(tolerance, float) else tolerance[case]
        assert not {name: error for name, error in errors.items() if not error <= bound}, case


def test_a_backbone_learns_the_same_with_and_without_the_kernels(found: dict[str, Any]) -> None:
    assert len(found["model"]) > 20
    assert not {name: error for name, error in found["model"].items() if not error <= MODEL_TOLERANCE}


@pytest.mark.parametrize("part", ["laws", "dispatched"])
def test_laws_and_the_choice(found: dict[str, Any], part: str) -> None:
    assert len(found[part]) > 4
    assert not {name: held for name, held in found[part].items() if held is not True}


def test_spans_run_side_by_side_where_there_are_few_programs() -> None:
    from star.ops.recurrence.inputs import Inputs
    from star.ops.recurrence.triton_scan import KEPT, MOST_PROGRAMS, cut

    def of(batch: int, length: int) -> Any:
        c, v = (torch.empty(batch, length, *size, device="meta") for size in ((1, 16), (768, 1)))
        return cut(Inputs(c, c, torch.empty(1, 1, 768, 16, device="meta"), v, v))

    for batch, length in ((1, 4096), (16, 4096), (3, 65_537), (1, 65)):
        found = of(batch, length)
        assert found.spans > 1
        assert found.span % KEPT == 0
        assert (found.spans - 1) * found.span < length <= found.spans * found.span
        assert found.programs == batch * found.spans * found.blocks <= MOST_PROGRAMS
    assert of(512, 4096).spans == 1
    assert of(1, 64).spans == 1
