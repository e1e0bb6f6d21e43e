"""What flash-linear-attention's kernels compute for our operators, in Triton's interpreter, against float64."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("fla", reason="fla-core is not installed")

TOLERANCE, EXTREME_TOLERANCE = 5e-6, 1e-4


def _errors(operator: str) -> dict[str, float]:
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("interpreted.py")
    command = [sys.executable, str(script), operator]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, float] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize(
    "operator",
    ["a decay for each head", "a decay for each key", "delta rule", "delta rule, a decay for each key"],
)
def test_outputs_states_and_gradients(operator: str) -> None:
    found = _errors(operator)
    assert len(found) == 9
    assert found.pop("extreme decays") <= EXTREME_TOLERANCE
    assert not {case: error for case, error in found.items() if not error <= TOLERANCE}
