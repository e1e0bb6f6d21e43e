"""Processes as /proc knows them, and the end of some."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

WORKER = b"ray::Worker"
"""How the name of a worker process of the evaluator begins, as Ray sets it."""


def workers(cluster: str) -> list[int]:
    """Return the worker processes of the evaluator that belong to a Ray cluster, by a name that only they know."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid = int(folder.name)
            if (folder / "cmdline").read_bytes().startswith(WORKER) and cluster in _environment(folder):
                found.append(pid)
    return found


def kill(pid: int) -> bool:
    """Kill a process at once; return whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _environment(folder: Path) -> str:
    return (folder / "environ").read_bytes().decode(errors="replace")
