"""Trained weights on disk: one safetensors file for each candidate whose weights are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from pathlib import Path

SUFFIX = ".safetensors"


def weights_path(artifacts: Path, job_id: str, number: int) -> Path:
    """Where a candidate's weights are, if they are kept."""
    return artifacts / job_id / f"{number}{SUFFIX}"


def stage(artifacts: Path, job_id: str, number: int, weights: bytes) -> Callable[[], None]:
    """Bring weights safely to disk under a passing name; the function returned puts them in their place.

    Split in two so that the slow part happens before the transaction that records them, and the
    rename within it, where no other runner can hold the job.
    """
    path = weights_path(artifacts, job_id, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_suffix(f".{os.getpid()}.tmp")
    with passing.open("wb") as file:
        file.write(weights)
        file.flush()
        os.fsync(file.fileno())

    def seal() -> None:
        passing.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    return seal


def sweep(artifacts: Path, job_id: str, kept: Set[int]) -> None:
    """Delete every file of a job but the weights of the candidates in `kept`."""
    wanted = {weights_path(artifacts, job_id, number).name for number in kept}
    folder = artifacts / job_id
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in wanted and path.suffix in (SUFFIX, ".tmp"):
            path.unlink(missing_ok=True)
