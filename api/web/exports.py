"""Winners to take away: a folder anyone can load, and its zip archive, both under the artifact directory."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from genome import Genome, Space
from search.archive.values import Candidate, Job
from search.archive.weights import weights_path
from search.plan import Plan

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every archived file, so that equal models give equal archives."""


def archive_file(artifacts: Path, job_id: str, number: int) -> Path:
    """Where a candidate's export is kept once it is built."""
    return artifacts / "exports" / f"{job_id}-{number}.zip"


def build_export(job: Job, candidate: Candidate, artifacts: Path) -> list[str]:
    """Write a candidate's folder and archive, unless they are there already; the names of the files.

    Others may ask for the same at once: each builds in a folder of its own, and whole results change places.

    Raises:
        FileNotFoundError: the candidate's weights are not kept.
        ValueError: they are not those of its genome.
    """
    exports = artifacts / "exports"
    folder = exports / f"{job.id}-{candidate.number}"
    target = archive_file(artifacts, job.id, candidate.number)
    if not (target.is_file() and folder.is_dir()):
        import star  # torch takes seconds to import; only exports need it here

        weights = weights_path(artifacts, job.id, candidate.number).read_bytes()
        exports.mkdir(parents=True, exist_ok=True)
        scratch = Path(mkdtemp(prefix="building-", dir=exports))
        try:
            space, shape = Space.from_json(job.space), Plan.model_validate(job.plan).shape
            genome = Genome.parse(candidate.genome)
            built = star.export(scratch / folder.name, genome, space, shape, weights, facts(job, candidate))
            _zip(built, scratch / target.name)
            os.replace(scratch / target.name, target)
            if not folder.is_dir():
                built.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return sorted(path.name for path in folder.iterdir())


def facts(job: Job, candidate: Candidate) -> dict[str, Any]:
    """What is told beside the genome about where a model comes from and how good it is."""
    return {
        "job": job.id,
        "candidate": candidate.number,
        "digest": candidate.digest,
        "metrics": candidate.metrics,
        "task": job.plan["task"],
        "budget": job.plan["budget"],
        "seed": job.plan["seed"],
    }


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.name}", EPOCH)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)
