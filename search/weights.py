"""Trained weights on disk: one safetensors file for each candidate whose weights are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from pathlib import Path

SUFFIX = ".safetensors"


def weights_path(artifacts: Path, job_id: str, number: int) -> Path:
    """Return the path at which the weights of a candidate lie when they are kept."""
    return artifacts / job_id / f"{number}{SUFFIX}"


def stage(artifacts: Path, job_id: str, number: int, weights: bytes) -> Callable[[], None]:
    """Write weights to disk under a temporary name, and return a function that renames the file to its final name.

    The slow write happens before the transaction that records the weights. The rename happens within it, while no
    other runner can claim the job.
    """
    path = weights_path(artifacts, job_id, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(weights)
        file.flush()
        os.fsync(file.fileno())

    def publish() -> None:
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    return publish


def sweep(artifacts: Path, job_id: str, kept: Set[int]) -> None:
    """Delete the weights and temporary files of a job, except the weights of the candidates in `kept`."""
    wanted = {weights_path(artifacts, job_id, number).name for number in kept}
    folder = artifacts / job_id
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in wanted and path.suffix in (SUFFIX, ".tmp"):
            path.unlink(missing_ok=True)
