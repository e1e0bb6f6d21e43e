"""A runner for tests to kill: `python -m tests.search.runner_process URL ARTIFACTS LOG DELAY`."""

from __future__ import annotations

import sys
from pathlib import Path

from search.archive import Archive
from search.run.runner import Runner
from tests.search.twin import Twin, corner, twin_costs

url, artifacts, log, delay = sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])
archive = Archive(url)
runner = Runner(
    archive,
    lambda: Twin(3, delay=delay, log=log),
    artifacts,
    corner,
    twin_costs,
    "process",
    lease_seconds=1.0,
    beat=0.2,
)
runner.run_until_idle()
archive.close()
