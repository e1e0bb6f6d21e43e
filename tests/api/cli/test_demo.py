"""`star demo`, stopped with Ctrl-C: it says so, leaves no process behind and keeps what was done."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from search.archive import Archive
from search.archive.values import CandidateState
from tests.processes import descendants, eventually, gone, star

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo long enough to be stopped."""
    with star("demo", "--workers", "1", "--candidates", "9", "--steps", "20", "--folder", str(tmp_path)) as process:
        yield process


def test_ctrl_c_during_the_search_leaves_no_process_and_keeps_the_work(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert demo.stdout is not None
    page = next(line for line in demo.stdout if line.startswith("dashboard: ")).split()[1]
    address = page.replace("/jobs/", "/v1/jobs/")
    eventually(lambda: httpx.get(address, trust_env=False).json()["done"] >= 2, seconds=120)
    family = descendants(demo.pid)
    assert family

    os.killpg(demo.pid, signal.SIGINT)

    _, said = demo.communicate(timeout=90)
    assert (demo.returncode, "nothing is left running" in said) == (130, True), said
    eventually(lambda: all(map(gone, family)))
    (kept,) = tmp_path.glob("*/star.db")
    with closing(Archive(f"sqlite:///{kept}")) as archive:
        (job,) = archive.jobs().items
        assert sum(one.state is CandidateState.SUCCEEDED for one in archive.candidates(job.id).items) >= 2
        assert archive.claim("another runner", 10.0) is not None
