"""A search at work on real parts that can be broken: a runner, workers on a Ray cluster, a database, a store."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from breaking.databases import Database
from breaking.processes import kill, workers
from ray.cluster_utils import Cluster

from search.archive import Archive
from search.archive.values import TERMINAL, Job
from search.plan import Plan

NODE = {"num_cpus": 2, "object_store_memory": 100 * 2**20}
HEAD = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 * 2**20}
MARK = "STAR_BENCHMARK"
STORE_BYTES = 256 * 2**20
WAIT_SECONDS = 300.0
POLL_SECONDS = 0.1


class Stage:
    """A search and everything that works on it.

    Attributes:
        mark: a variable in the environment of this cluster's processes, by which they are told from others.
        runners: number of runners started.
    """

    def __init__(self, database: Database, folder: Path, plan: Plan, log: IO[bytes]) -> None:
        self.database = database
        self.artifacts = folder / "artifacts"
        self.mark = f"{MARK}={folder}"
        self.runners = 0
        self._log = log
        self._random = random.Random(plan.seed)  # noqa: S311 -- moments, nothing secret
        self.archive = Archive(database.url)
        self.archive.migrate()
        self.job_id = self.archive.create_job(plan, "under faults").id
        os.environ.update({MARK: str(folder), "RAY_USAGE_STATS_ENABLED": "0"})
        self._cluster = _cluster()
        self._runner = self._started()

    @property
    def job(self) -> Job:
        """The search as it is recorded."""
        return self.archive.job(self.job_id)

    @property
    def ended(self) -> bool:
        """Whether the search is over."""
        return self.job.state in TERMINAL

    def after(self, outcomes: int) -> float:
        """Wait until the search has more outcomes than that or is over, and return the seconds.

        Raises:
            TimeoutError: nothing comes.
        """
        began = time.monotonic()
        while (job := self.job).outcomes <= outcomes and job.state not in TERMINAL:
            if time.monotonic() > began + WAIT_SECONDS:
                raise TimeoutError(f"no outcome in {WAIT_SECONDS:g} s; the search is {job.state}: {job.why}")
            if self._runner.poll() is not None:  # as a supervisor does; Ray ends a process that has lost its head
                self._runner = self._started()
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def pause(self, seconds: float) -> None:
        """Wait for a random time of at most so many seconds."""
        time.sleep(self._random.random() * seconds)

    def kill_worker(self) -> None:
        """Kill one worker process of the evaluator, as soon as there is one."""
        self._eventually(lambda: any(map(kill, self._random.sample(found := workers(self.mark), len(found))[:1])))

    def kill_runner(self) -> None:
        """Kill the runner and start another, which takes the search over when the lease of the first has ended."""
        self._runner.kill()
        self._runner.wait()
        self._runner = self._started()

    def away(self) -> None:
        """Make the database unusable for a while."""
        self.database.away()

    def fill_store(self) -> None:
        """Fill the file system of the store to the last byte, until the search has noticed, and free it again."""
        filler, before = self.artifacts / "filler", self.job
        with suppress(OSError), filler.open("wb", buffering=0) as file:  # until no space is left
            while file.write(bytes(2**20)):
                pass
        self._eventually(lambda: (now := self.job).why != before.why or now.failed > before.failed or self.ended)
        filler.unlink()

    def lose_node(self) -> None:
        """Kill the node of the workers with everything on it, and add another one."""
        (node,) = self._cluster.worker_nodes
        self._cluster.remove_node(node, allow_graceful=False)
        self._cluster.add_node(**NODE)

    def lose_head(self) -> None:
        """Kill the head of Ray and all of its nodes, and start a cluster at the same address."""
        port = int(self._cluster.address.rpartition(":")[2])
        for node in (*self._cluster.worker_nodes, self._cluster.head_node):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
        self._cluster = _cluster(port)

    def close(self) -> None:
        """End all processes."""
        self._runner.terminate()
        self._runner.wait()
        self._cluster.shutdown()
        self.archive.close()

    def _eventually(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not true():
            if time.monotonic() > until:
                raise TimeoutError(f"nothing happened in {WAIT_SECONDS:g} s; the search is {self.job.state}")
            time.sleep(POLL_SECONDS)

    def _started(self) -> subprocess.Popen[bytes]:
        self.runners += 1
        command = [sys.executable, "-m", "api.cli", "run", "--workers", "2"]
        kept = ["--database", self.database.url, "--artifacts", str(self.artifacts)]
        address = {"STAR_RAY_ADDRESS": self._cluster.address}
        return subprocess.Popen([*command, *kept], env=os.environ | address, stdout=self._log, stderr=self._log)  # noqa: S603


@contextmanager
def small_file_system(folder: Path) -> Iterator[bool]:
    """Mount a file system of `STORE_BYTES` on a folder; give whether that was possible, which takes root."""
    folder.mkdir()
    size = f"size={STORE_BYTES}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True)  # noqa: S603, S607
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


def _cluster(port: int | None = None) -> Cluster:
    """Start a head without workers and one node for two."""
    cluster = Cluster(initialize_head=True, head_node_args=HEAD | ({"gcs_server_port": port} if port else {}))
    cluster.add_node(**NODE)
    return cluster
