"""What the kernels compute, in Triton's interpreter: output and every gradient against the meaning in float64."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from star.ops.kernels import KERNELS

pytestmark = pytest.mark.slow

pytest.importorskip("triton", reason="triton is not installed on this platform")

# Triton's interpreter cuts float32 to bfloat16 instead of rounding it: up to 2^-7 = 0.0078 of a value.
TOLERANCE = {"float32": 5e-6, "bfloat16": 0.008}
# The gradients of a whole model pass through other operations too, in another order of summation.
MODEL_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "STAR_KERNELS": "triton", "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("triton_interpreted.py")
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_output_and_gradients_at_awkward_shapes(found: dict[str, Any], dtype: str) -> None:
    worst = found["grid"][f"grid {dtype}"]
    assert set(worst) == {"y", "dc", "db", "dv", "dh"}
    assert not {name: at for name, at in worst.items() if not at[0] <= TOLERANCE[dtype]}


def test_the_short_convolution_at_awkward_shapes_layouts_and_values(found: dict[str, Any]) -> None:
    assert len(found["short"]) == 6
    for case, worst in found["short"].items():
        assert set(worst) == {"y", "dx", "dh"}
        assert not {name: at for name, at in worst.items() if not at[0] <= TOLERANCE[case.split()[0]]}, case


def test_each_kernel_passes_the_comparison_before_its_first_use(found: dict[str, Any]) -> None:
    assert found["comparisons"] == {
        f"{row.operator}, {trial.case}": [True] * 2
        for row in KERNELS
        if row.operator.endswith("_convolution")
        for trial in row.trials
    }


def test_any_strides_and_a_filter_of_another_dtype(found: dict[str, Any]) -> None:
    assert len(found["layouts"]) == 6
    for layout, errors in found["layouts"].items():
        tolerance = TOLERANCE["bfloat16" if "bfloat16" in layout else "float32"]
        assert not {name: error for name, error in errors.items() if not error <= tolerance}, layout


def test_every_configuration_computes_the_same(found: dict[str, Any]) -> None:
    from star.ops.convolution.triton_configuration import CONFIGURATIONS

    assert len(found["configurations"]) == len(CONFIGURATIONS)
    for row, errors in found["configurations"].items():
        assert not {name: error for name, error in errors.items() if not error <= TOLERANCE["float32"]}, row


@pytest.mark.parametrize("law", ["same bits twice", "no leak from later tokens", "no leak between sequences"])
def test_law(found: dict[str, Any], law: str) -> None:
    assert found["laws"][law] is True


def test_a_backbone_learns_the_same_with_and_without_the_kernel(found: dict[str, Any]) -> None:
    assert any("taps" in name for name in found["model"])
    assert not {name: error for name, error in found["model"].items() if not error <= MODEL_TOLERANCE}
