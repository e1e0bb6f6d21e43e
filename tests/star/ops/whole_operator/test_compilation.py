"""All kernels that an operator starts in a training step compile for the chips we name, with the step's arguments."""

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
CHIPS = ("sm_80", "sm_90", "sm_100", "gfx942")
SHORT = {"short_forward_kernel", "short_backward_kernel"}
SCAN = {"ends_kernel", "hand_on_kernel", "outputs_kernel", "adjoints_kernel", "gradients_kernel"}
KERNELS = {
    "GConv-1": {"forward_kernel", "backward_kernel"},
    "SA-2": SHORT,
    "Rec-1": SHORT | SCAN,
    "Mamba-1": SHORT | SCAN,
    "HGRN": SCAN,
}
SHARED_BYTES, SPILLED_BYTES = 16 * 1024, 64


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRITON_")}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton")), "TRITON_DEFAULT_FP_FUSION": "1"}
    command = [sys.executable, "-m", "tests.star.ops.whole_operator.compiled"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: list[dict[str, Any]] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", KERNELS)
def test_the_kernels_of_a_class_fit_the_chip(compiled: list[dict[str, Any]], name: str, chip: str) -> None:
    rows = [row for row in compiled if (row["class"], row["chip"]) == (name, chip)]
    assert {row["kernel"] for row in rows} == KERNELS[name]
    for row in rows:
        assert row["registers"] <= 255, row
        assert row["shared"] <= SHARED_BYTES, row
        assert row["spilled"] <= SPILLED_BYTES, row
