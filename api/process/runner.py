"""The runner's composition root: settings, archive, Ray and the search are put together here."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from types import FrameType

import ray

from api.process.reference import reference
from api.process.settings import Settings
from api.process.supervisor import when_orphaned
from evaluator.pool import RayEvaluator
from search.archive import Archive
from search.runner import Runner

OBJECT_STORE_BYTES = 100 * 2**20
"""Requests and trained weights pass through it, a few megabytes each at most."""

MEMORY_SHARE = 0.8
"""Of this machine's memory, for all workers together."""

ADDRESS = "STAR_RAY_ADDRESS"
"""Names a Ray cluster to use; without it one is started on this machine when the first job comes up."""


def run(settings: Settings, supervised: bool) -> None:
    """Run jobs until SIGINT or SIGTERM, or, when supervised, until the supervisor is gone."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop = threading.Event()
    _stop_on_signals(stop)
    if supervised:
        when_orphaned(stop.set)
    archive = Archive(settings.database_url)
    archive.migrate()

    def evaluators() -> RayEvaluator:
        _start_ray(settings.workers)
        _stop_on_signals(stop)  # Ray has put a handler of its own in their place
        return RayEvaluator(settings.workers, memory_bytes=_memory_share(settings.workers))

    runner = Runner(
        archive,
        evaluators,
        settings.artifacts,
        reference,
        f"{socket.gethostname()}:{os.getpid()}",
        lease_seconds=settings.lease_seconds,
    )
    try:
        runner.run_forever(stop)
    finally:
        ray.shutdown()
        archive.close()


def _start_ray(workers: int) -> None:
    if ray.is_initialized():
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a worker: the workers inherit it
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get(ADDRESS)
    own = {"num_cpus": workers, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    ray.init(**({"address": address} if address else own), logging_level="ERROR", log_to_driver=False)


def _memory_share(workers: int) -> int | None:
    """Bytes each worker of this machine may use, so that one candidate cannot take the others down with it."""
    if os.environ.get(ADDRESS):
        return None
    return int(MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / workers)


def _stop_on_signals(stop: threading.Event) -> None:
    def end(sig: int, frame: FrameType | None) -> None:
        stop.set()

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, end)
