"""Exports of trained candidates: a folder that `star.load` reads, and its zip archive, in the artifact directory.

A runner writes the weights of a candidate to its own artifact directory. The API can export them only when it
shares that directory, so weights may be kept and yet be missing here.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from search.weights import weights_path

from genome import Genome, Space
from search.archive.values import Candidate, Job
from search.plan import Plan

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every file in an archive. It is fixed, so that equal models give equal archives."""


class WeightsPlace(StrEnum):
    """The place of a candidate's trained weights."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOT_KEPT = "not_kept"


def weights_place(candidate: Candidate, artifacts: Path) -> WeightsPlace:
    """Return whether a candidate's weights are kept and lie in this artifact directory."""
    if not candidate.weights:
        return WeightsPlace.NOT_KEPT
    here = weights_path(artifacts, candidate.job_id, candidate.number).is_file()
    return WeightsPlace.HERE if here else WeightsPlace.ELSEWHERE


def reason_against_export(candidate: Candidate, frontier: list[Candidate], artifacts: Path) -> str:
    """Return why a candidate cannot be exported, and which candidates of the frontier can be."""
    ready = [str(one.number) for one in frontier if weights_place(one, artifacts) is WeightsPlace.HERE]
    ready = [number for number in ready if number != str(candidate.number)]
    others = f"the frontier's candidates that can be exported: {', '.join(ready) or 'none'}"
    if candidate.weights:
        return (
            f"the weights of candidate {candidate.number} are kept, but not in this server's artifact directory; "
            f"the server and the runners must share one directory, STAR_ARTIFACTS; {others}"
        )
    return f"the weights of candidate {candidate.number} are not kept; {others}"


def archive_file(artifacts: Path, job_id: str, number: int) -> Path:
    """Return the path of a candidate's zip archive, whether it was built or not."""
    return artifacts / "exports" / f"{job_id}-{number}.zip"


def build_export(job: Job, candidate: Candidate, artifacts: Path) -> list[str]:
    """Write a candidate's folder and zip archive, unless they exist, and return the names of the files.

    Requests for the same export may overlap: each builds in its own folder and renames the finished result.

    Raises:
        FileNotFoundError: the weights are not kept, or not in the artifact directory.
        ValueError: the weights do not fit the genome.
    """
    exports = artifacts / "exports"
    folder = exports / f"{job.id}-{candidate.number}"
    target = archive_file(artifacts, job.id, candidate.number)
    if not (target.is_file() and folder.is_dir()):
        if not candidate.weights:  # a runner that died may have left a file
            raise FileNotFoundError(f"the weights of candidate {candidate.number} are not kept")
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
    """Return the origin and the metrics of a model, which the export stores beside the genome."""
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
