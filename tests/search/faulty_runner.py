"""A runner whose workers die: `python -m tests.search.faulty_runner URL ARTIFACTS SEED`."""

from __future__ import annotations

import sys

from search.archive import Archive
from search.run.runner import Runner
from tests.search.processes import Processes
from tests.search.twin import corner, twin_costs

url, artifacts, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
archive = Archive(url)
runner = Runner(
    archive,
    lambda: Processes(4, seconds=0.1, deadly=0.4, seed=seed),
    artifacts,
    corner,
    twin_costs,
    f"runner {seed}",
    lease_seconds=1.0,
    beat=0.1,
)
runner.run_until_idle()
archive.close()
