"""Zip archives of exported candidates, in a directory of their own.

A runner writes the weights of a candidate to its store of artifacts. The API can export them only when it reads the
same store, so weights may be kept and yet be missing here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from api.web.exports.converting import SECONDS, convert
from api.web.exports.errors import DamagedError, UnsuitableError
from api.web.exports.facts import facts
from api.web.exports.place import WeightsPlace
from evaluator.artifacts import Artifact, ArtifactError, Artifacts
from genome import Genome, Space
from search.archive.values import Candidate, Job
from search.plan import Plan

if TYPE_CHECKING:
    from star.export import Exported

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every file in an archive. It is fixed, so that equal models give equal archives."""

BUILDING = "building-"
"""The beginning of the names of folders in which archives are built."""

LEFT_SECONDS = 4 * SECONDS
"""Seconds after the beginning of a build at which nothing builds in its folder any more."""

FOLDER = "folder"
"""The format that `star.load` reads, from which all others are written."""


class Exports:
    """The exports in a directory, made from the weights in a store of artifacts.

    Args:
        closing: set when the server ends, so that no export is waited for.
    """

    def __init__(self, folder: Path, artifacts: Artifacts, closing: threading.Event | None = None) -> None:
        self._folder = folder
        self._artifacts = artifacts
        self._closing = closing or threading.Event()

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

    def file(self, candidate: Candidate, format: str = FOLDER) -> Path:
        """Return the path of a candidate's zip archive in a format of the table, whether it was built or not."""
        suffix = "" if format == FOLDER else f"-{format}"
        return self._folder / f"{candidate.job_id}-{candidate.number}{suffix}.zip"

    def delete(self, job_id: str) -> None:
        """Delete the zip archives of all candidates of a job, in all formats."""
        own = re.compile(rf"{re.escape(job_id)}-[0-9]+(-[a-z0-9_]+)?\.zip")
        for path in self._folder.glob("*.zip"):
            if own.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete what builds that were killed have left."""
        for path in self._folder.glob(f"{BUILDING}*"):
            with suppress(FileNotFoundError):  # another process tidies too
                if time.time() - path.stat().st_mtime > LEFT_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    def build(self, job: Job, candidate: Candidate, frontier: list[Candidate], format: str = FOLDER) -> list[str]:
        """Write a candidate's zip archive, unless there is one of the same weights and facts, and list its files.

        The frontier of its job is among the facts.

        Requests for the same export may overlap: each builds in its own folder and renames the finished archive. The
        archive of a candidate whose weights are not kept any more stays.

        Raises:
            FileNotFoundError: the weights are not kept, or not in the store.
            DamagedError: the weights are damaged, or do not fit the genome.
            UnsuitableError: the format cannot carry the model.
            InterruptedExportError: the server is closing, or writing the format took too long.
            RuntimeError: writing the format failed.
        """
        target, told = self.file(candidate, format), facts(job, candidate, frontier)
        wanted = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        found = _digest_in(target)
        if found is None or (candidate.weights is not None and found != wanted):
            exported = _exported(job, candidate, self._weights(candidate), told)
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=BUILDING, dir=self._folder) as scratch:
                built = Path(scratch) / target.stem
                self._write(exported, built, format)
                _zip(built, Path(scratch) / target.name, wanted)
                os.replace(Path(scratch) / target.name, target)
        with zipfile.ZipFile(target) as archive:
            return sorted(name.partition("/")[2] for name in archive.namelist())

    def _write(self, exported: Exported, folder: Path, format: str) -> None:
        from star.export import FORMATS, NotCarriedError, write
        from star.export.writing import require_carried

        try:
            if FORMATS[format].light:
                write(exported, folder, format)
                return
            require_carried(exported, format)
        except NotCarriedError as error:
            raise UnsuitableError(str(error)) from None
        except ValueError as error:
            raise DamagedError(str(error)) from error
        source = folder.parent / "source"
        write(exported, source, FOLDER)
        convert(source, folder, format, self._closing)

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


def _exported(job: Job, candidate: Candidate, weights: bytes, told: dict[str, Any]) -> Exported:
    from star.export import Exported  # torch takes seconds to import; only exports need it here

    space, plan = Space.from_json(job.space), Plan.model_validate(job.plan)
    return Exported(
        Genome.parse(candidate.genome), space, plan.shape, weights, told, tokenizer=plan.task.read_tokenizer()
    )


def _digest_in(file: Path) -> str | None:
    """Return the digest of the facts in a zip archive, or None when there is no archive that can be read.

    Archives of earlier versions have none, and an empty one is returned for them.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.comment.decode(errors="replace")
    except (FileNotFoundError, zipfile.BadZipFile):
        return None


def _zip(folder: Path, target: Path, digest: str) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        archive.comment = digest.encode()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", EPOCH)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)
