"""The kernel benchmark is one command, and honest where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kernels.py"


def test_without_a_gpu_it_says_that_it_was_not_run_and_succeeds(tmp_path: Path) -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(SCRIPT), "--json", str(tmp_path / "kernels.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Not run: there is no GPU here" in done.stdout
    assert not list(tmp_path.iterdir())
