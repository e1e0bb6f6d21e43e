"""`star check` of many genomes, stopped: after Ctrl-C it says how far it came, and no process is ever left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import descendants, eventually, gone, star

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]


@pytest.fixture
def check() -> Iterator[subprocess.Popen[str]]:
    """A check long enough to be stopped."""
    with star("check", "--random", "200", "--depth", "1", "--width", "16", "--workers", "2", "--json") as process:
        yield process


def test_ctrl_c_during_a_check_tells_what_held_so_far(check: subprocess.Popen[str]) -> None:
    assert check.stderr is not None
    assert "20/200 genomes checked, 0 breaches" in check.stderr.readline()
    family = descendants(check.pid)
    assert family

    os.killpg(check.pid, signal.SIGINT)

    said, told = check.communicate(timeout=60)
    report = json.loads(said)
    assert report["asked"] == 200
    assert 20 <= report["genomes"] < 200
    assert set(report["held"].values()) == {report["genomes"]}
    assert f"interrupted after {report['genomes']} of 200 genomes" in told
    assert check.returncode == 130
    eventually(lambda: all(map(gone, family)))


def test_workers_end_with_a_check_that_is_killed(check: subprocess.Popen[str]) -> None:
    assert check.stderr is not None
    check.stderr.readline()
    family = descendants(check.pid)
    assert family

    check.kill()

    eventually(lambda: all(map(gone, family)))
