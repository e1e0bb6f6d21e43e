"""The operator benchmark is one command for any class of the catalogue. What it measures is nobody's assertion."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "operators.py"


def _run(*arguments):
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "new" / "operators.json"
    done = _run("--quick", "--classes", "GConv-1-Diff", "--json", path)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


def test_the_file_says_what_was_measured_where_and_when(quick):
    _, found = quick
    assert set(found) == {
        "processor", "cores", "date", "torch", "threads", "gemm_gflops", "quick", "sizes", "rows",
    }  # fmt: skip
    assert found["threads"] == 1
    assert found["quick"] is True
    assert found["sizes"]["lengths"] == [64, 128, 256]


def test_a_row_has_every_column(quick):
    _, found = quick
    (row,) = found["rows"]
    assert (row["id"], row["class"], row["structure"]) == (16, "GConv-1-Diff", "toeplitz")
    assert list(row["ms_by_length"]) == ["64", "128", "256"]
    assert row["longest"] == 256
    positive = (
        "structure_ms", "liv_ms", "loop_ms", "times_faster_than_loop", "step_ms", "step_late_over_early",
        "matmul_share", "cost_ms",
    )  # fmt: skip
    assert all(row[name] > 0 for name in positive)
    assert row["over_alone"] is None
    assert isinstance(row["growth_exponent"], float)
    assert row["memory_lengths"] == [128, 256]


def test_the_table_names_columns_class_and_file(quick):
    printed, found = quick
    lines = printed.splitlines()
    assert found["processor"] in lines[0]
    assert lines[1].split()[:3] == ["class", "structure", "ms"]
    assert lines[2].split()[:2] == ["GConv-1-Diff", "toeplitz"]
    assert lines[-1].startswith("Written: ")


def test_attention_is_compared_with_attention_alone(tmp_path):
    path = tmp_path / "operators.json"
    assert _run("--quick", "--classes", "SA-3", "--json", path).returncode == 0
    (row,) = json.loads(path.read_text())["rows"]
    assert row["over_alone"] > 0


def test_an_unknown_class_is_refused(tmp_path):
    done = _run("--classes", "SA-1,SA-99", "--json", tmp_path / "x.json")
    assert done.returncode == 2
    assert "unknown classes: SA-99; legal: SA-1, " in done.stderr
    assert not list(tmp_path.iterdir())
