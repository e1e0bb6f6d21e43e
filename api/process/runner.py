"""The runner process: it connects the settings, the archive, Ray and the search."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import ray

from api.process.logs import start_logging
from api.process.presence import presence
from api.process.settings import Settings
from api.process.supervisor import when_orphaned
from evaluator.artifacts import Artifacts
from evaluator.pool import RayEvaluator
from search.archive import Archive
from search.costs import costs_of, reference
from search.log_fields import about
from search.run.runner import Runner
from search.tracking import Reporting, trackers

OBJECT_STORE_BYTES = 100 * 2**20
"""Size of Ray's object store. It holds requests and evaluations; weights go to the store of artifacts."""

MEMORY_SHARE = 0.8
"""Share of this machine's memory that all workers together may use."""

CONNECT_SECONDS = 5.0
"""Seconds that a Ray head has to accept a connection."""

ADDRESS = "STAR_RAY_ADDRESS"
"""Environment variable with the address of a Ray cluster; without it the first job starts Ray on this machine."""


def run(settings: Settings, supervised: bool) -> None:
    """Run jobs until SIGINT, SIGTERM or SIGHUP or, when supervised, until the supervisor has ended.

    Raises:
        ValueError: the database URL is invalid, or a tracker is unknown or not installed.
        ArtifactError: the store of artifacts cannot be written.
        SchemaError: the database has a schema of a later version.
    """
    start_logging(settings.log, "runner")
    os.environ.update(settings.exported())  # of this process and of the workers on this machine
    stop = threading.Event()
    _stop_on_signals(stop)
    if supervised:
        when_orphaned(stop.set)
    reporting = Reporting(trackers(settings.trackers))
    artifacts = located(settings.artifacts)
    Artifacts(artifacts).require_writable()
    archive = Archive(settings.database_url)
    archive.migrate()

    def evaluators() -> RayEvaluator:
        _start_ray(settings.workers)
        _stop_on_signals(stop)  # Ray has replaced the handlers
        return RayEvaluator(settings.workers, memory_bytes=_memory_share(settings.workers))

    name = f"{socket.gethostname()}:{os.getpid()}"
    runner = Runner(
        archive,
        evaluators,
        artifacts,
        reference,
        costs_of,
        name,
        lease_seconds=settings.lease_seconds,
        reporting=reporting,
    )
    try:
        with presence(archive, name, settings.workers), about(runner=name):
            runner.run_forever(stop)
    finally:
        ray.shutdown()
        archive.close()
        reporting.close()


def located(artifacts: str) -> str:
    """Return the URL of a store of artifacts for processes in other directories: a plain directory becomes absolute."""
    return artifacts if "://" in artifacts else str(Path(artifacts).expanduser().absolute())


def _start_ray(workers: int) -> None:
    """Connect to the cluster of the settings or start Ray on this machine, unless a connection works.

    A cluster on this machine that others started is not used, even if it left its address in a file.
    """
    if ray.is_initialized():
        if _cluster_answers():
            return
        ray.shutdown()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers inherit it: each has one thread
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get(ADDRESS)
    if address:
        _require_listening(address)
        where: dict[str, Any] = {"address": address}
    else:
        where = {"address": "local", "num_cpus": workers, "object_store_memory": OBJECT_STORE_BYTES}
        where["include_dashboard"] = False
    ray.init(**where, logging_level="ERROR", log_to_driver=False)


def _require_listening(address: str) -> None:
    """Check that something listens at the address of a Ray head. Ray itself would try for minutes.

    Raises:
        ConnectionError: nothing does.
    """
    host, found, port = address.removeprefix("ray://").rpartition(":")
    if not found or not port.isdecimal():  # such as `auto`
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConnectionError(f"no Ray head answers at {address}, the value of {ADDRESS}: {reason}") from None


def _cluster_answers() -> bool:
    try:
        _require_listening(ray.get_runtime_context().gcs_address)
        return any(node["Alive"] for node in ray.nodes())
    except Exception:  # Ray raises errors of many kinds when its head is lost
        return False


def _memory_share(workers: int) -> int | None:
    """Return the bytes a worker may use, so that no candidate exhausts the memory of the others; None on a cluster."""
    if os.environ.get(ADDRESS):
        return None
    return int(MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / workers)


def _stop_on_signals(stop: threading.Event) -> None:
    def end(sig: int, frame: FrameType | None) -> None:
        stop.set()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, end)
