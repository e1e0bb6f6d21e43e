"""The benchmark of training steps takes them in a process for each checkout, and compares the two."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBER = r"\d+\.\d+"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "times"), [([], 1), (["--against", str(ROOT)], 2)], ids=["alone", "against another"]
)
def test_each_candidate_is_timed_by_each_checkout(options: list[str], times: int) -> None:
    script = ROOT / "benchmarks" / "on_cpu" / "candidate_step.py"
    command = [sys.executable, str(script), "--candidates", "1", "--pairs", "1", *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    first, mean = printed.splitlines()
    found = re.fullmatch(rf"candidate  0:(?P<times>(?: +{NUMBER} ms)+)  ratio ({NUMBER}) \(\2 to \2\)", first)
    assert found is not None
    assert len(re.findall(NUMBER, found["times"])) == times
    assert mean == f"geometric mean of the ratios: {found[2]} ({found[2]} to {found[2]})"
