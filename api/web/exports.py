"""Exports of trained candidates: zip archives of the folders that `star.load` reads, in a directory of their own.

A runner writes the weights of a candidate to its store of artifacts. The API can export them only when it reads the
same store, so weights may be kept and yet be missing here.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import zipfile
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import SafetensorError

from evaluator.artifacts import Artifact, ArtifactError, Artifacts
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


class DamagedError(Exception):
    """The weights of a candidate lie in the store, but they are damaged or cannot be read."""


class Exports:
    """The exports in a directory, made from the weights in a store of artifacts."""

    def __init__(self, folder: Path, artifacts: Artifacts) -> None:
        self._folder = folder
        self._artifacts = artifacts

    def place(self, candidate: Candidate) -> WeightsPlace:
        """Return whether a candidate's weights are kept and lie in this store. They are not read."""
        if candidate.weights is None:
            return WeightsPlace.NOT_KEPT
        try:
            here = self._artifacts.has(Artifact.from_json(candidate.weights).key)
        except ArtifactError:
            here = False
        return WeightsPlace.HERE if here else WeightsPlace.ELSEWHERE

    def refusal(self, candidate: Candidate, frontier: list[Candidate]) -> str:
        """Return why a candidate cannot be exported, and which candidates of the frontier can be."""
        ready = ", ".join(str(one.number) for one in self._ready(candidate.job_id, frontier) if one != candidate)
        others = f"the frontier's candidates that can be exported: {ready or 'none'}"
        weights = f"the weights of candidate {candidate.number}"
        match self.place(candidate):
            case WeightsPlace.NOT_KEPT:
                return f"{weights} are not kept; {others}"
            case WeightsPlace.ELSEWHERE:
                return (
                    f"{weights} are kept, but not in this server's store of artifacts; "
                    f"the server and the runners must share one store, STAR_ARTIFACTS; {others}"
                )
            case WeightsPlace.HERE:
                return f"{weights} were replaced while they were read; repeat the request"

    def file(self, candidate: Candidate) -> Path:
        """Return the path of a candidate's zip archive, whether it was built or not."""
        return self._folder / f"{candidate.job_id}-{candidate.number}.zip"

    def delete(self, job_id: str) -> None:
        """Delete the zip archives of all candidates of a job."""
        for path in self._folder.glob(f"{glob.escape(job_id)}-*.zip"):
            path.unlink(missing_ok=True)

    def build(self, job: Job, candidate: Candidate) -> list[str]:
        """Write a candidate's zip archive, unless there is one of the same weights and facts, and list its files.

        Requests for the same export may overlap: each builds in its own folder and renames the finished archive. The
        archive of a candidate whose weights are not kept any more stays.

        Raises:
            FileNotFoundError: the weights are not kept, or not in the store.
            DamagedError: the weights are damaged, or do not fit the genome.
        """
        target = self.file(candidate)
        found = _facts_in(target)
        if found is None or (candidate.weights is not None and found != facts(job, candidate)):
            weights = self._weights(candidate)
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix="building-", dir=self._folder) as scratch:
                built = _exported(Path(scratch) / target.stem, job, candidate, weights)
                _zip(built, Path(scratch) / target.name)
                os.replace(Path(scratch) / target.name, target)
        with zipfile.ZipFile(target) as archive:
            return sorted(Path(name).name for name in archive.namelist())

    def _weights(self, candidate: Candidate) -> bytes:
        if candidate.weights is None:  # a runner that died may have left a file
            raise FileNotFoundError(f"the weights of candidate {candidate.number} are not kept")
        try:
            return self._artifacts.read(Artifact.from_json(candidate.weights))
        except ArtifactError as error:
            if self.place(candidate) is WeightsPlace.HERE:
                raise DamagedError(str(error)) from error
            raise FileNotFoundError(str(error)) from error

    def _ready(self, job_id: str, frontier: list[Candidate]) -> list[Candidate]:
        """Return the candidates whose weights are in the store, which is listed once."""
        try:
            keys = set(self._artifacts.keys(job_id))
        except ArtifactError:
            keys = set()
        return [one for one in frontier if one.weights is not None and one.weights["key"] in keys]


def facts(job: Job, candidate: Candidate) -> dict[str, Any]:
    """Return the origin and the metrics of a model, which the export stores beside the genome."""
    return {
        "job": job.id,
        "candidate": candidate.number,
        "digest": candidate.digest,
        "metrics": candidate.metrics,
        "tokens": candidate.tokens,
        "seeds": candidate.seeds,
        "task": job.plan["task"],
        "budget": job.plan["budget"],
        "seed": (candidate.weights or {}).get("seed", job.plan["seed"]),
        "weights": candidate.weights and candidate.weights["key"],
    }


def _exported(folder: Path, job: Job, candidate: Candidate, weights: bytes) -> Path:
    import star  # torch takes seconds to import; only exports need it here

    space, shape, genome = (
        Space.from_json(job.space),
        Plan.model_validate(job.plan).shape,
        Genome.parse(candidate.genome),
    )
    try:
        return star.export(folder, genome, space, shape, weights, facts(job, candidate))
    except (SafetensorError, ValueError) as error:
        raise DamagedError(str(error)) from error


def _facts_in(file: Path) -> dict[str, Any] | None:
    """Return the facts in a zip archive, or None when there is none that can be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            found: dict[str, Any] = json.loads(archive.read(f"{file.stem}/genome.json"))["facts"]
            return found
    except (FileNotFoundError, zipfile.BadZipFile, KeyError, ValueError):
        return None


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.name}", EPOCH)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)
