"""The progress of several processes: a folder for each checkpoint, in which every process writes some of the tensors.

The tensors are written and read by `torch.distributed.checkpoint` as safetensors, of which nothing is unpickled. Beside
them `state.json` holds all else, and the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as read_tensors
from torch.distributed.checkpoint.state_dict_saver import save as write_tensors

from evaluator.artifacts.checkpoint import Checkpoint
from evaluator.artifacts.state import State
from evaluator.artifacts.store import TEMPORARY, ArtifactError
from evaluator.parallel.ranks import Ranks

FORMAT = "star-shards-1"
STATE = "state.json"

_log = logging.getLogger(__name__)


class Shards:
    """The sharded checkpoints of one training in a folder that all its processes see.

    A checkpoint is written beside the last one, under a name that no reader takes, and renamed when all of it is on the
    disk; then the older ones are deleted. Whenever the processes die, the last whole one is there. Any number of
    processes reads it.

    Args:
        identity: that of the training; see `evaluator.artifacts.checkpoint.identity`.
    """

    def __init__(self, folder: Path, identity: str, ranks: Ranks) -> None:
        self._folder, self._identity, self._ranks = folder, identity, ranks

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; all processes call this together.

        Raises:
            ArtifactError: one of them cannot write, or does not see the files of the others.
        """
        folder, reason = self._ranks.first(self._begun())
        if folder is None:
            raise ArtifactError(f"checkpoints cannot be written to {self._folder}: {reason}")
        tensors = {name: tensor.contiguous() for name, tensor in checkpoint.state.tensors.items()}
        try:
            writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
            write_tensors(tensors, storage_writer=writer, process_group=self._ranks.host)
        except CheckpointException as failed:
            raise ArtifactError(f"a checkpoint cannot be written to {self._folder}: {failed}") from failed
        files = sorted(file.name for file in folder.iterdir())[self._ranks.rank :: self._ranks.size]
        digests: dict[str, str] = {}
        for own in self._ranks.together({name: _digest(folder / name) for name in files}):
            digests |= own
        error = self._ranks.first(self._ended(folder, checkpoint, digests))
        if error is not None:
            raise ArtifactError(f"a checkpoint cannot be written to {self._folder}: {error}")

    def read(self) -> Checkpoint | None:
        """Return the last whole checkpoint of this training, or None; others are ignored with a warning.

        Raises:
            ArtifactError: a process does not see the checkpoint that process 0 has found.
        """
        number = self._ranks.first(self._last_whole())
        if number is None:
            return None
        folder = self._folder / number
        try:
            document = json.loads((folder / STATE).read_text(encoding="utf-8"))
            return Checkpoint(State(_tensors(folder), document["state"]), document["notes"])
        except (OSError, CheckpointException) as error:
            raise ArtifactError(f"checkpoint {folder} cannot be read: {error}") from error

    def delete(self) -> None:
        """Delete all checkpoints; a failure is logged and leaves files."""
        if self._ranks.rank == 0 and self._folder.exists():
            try:
                shutil.rmtree(self._folder)
            except OSError as error:
                _log.warning("%s stays: %s", self._folder, error)

    def _begun(self) -> tuple[Path | None, str]:
        """Make the folder of the next checkpoint, in process 0; return it, or the reason why it cannot be made."""
        if self._ranks.rank:
            return None, ""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left in self._folder.glob("*" + TEMPORARY):
                shutil.rmtree(left)
            number = max((int(name) for name in self._numbers()), default=0) + 1
            folder = self._folder / f"{number:06}{TEMPORARY}"
            folder.mkdir()
        except OSError as error:
            return None, str(error)
        return folder, ""

    def _ended(self, folder: Path, checkpoint: Checkpoint, digests: dict[str, str]) -> str | None:
        """Complete a checkpoint, in process 0, and delete the older ones; return the reason why that failed."""
        if self._ranks.rank:
            return None
        document = {
            "format": FORMAT,
            "identity": self._identity,
            "state": checkpoint.state.facts,
            "notes": checkpoint.notes,
            "files": digests,
        }
        older = self._numbers()
        try:
            unseen = sorted(name for name in digests if not (folder / name).exists())
            if unseen:
                return f"process 0 does not see {unseen[0]}; all processes need one folder"
            with (folder / STATE).open("x", encoding="utf-8") as file:
                json.dump(document, file, allow_nan=False)
                file.flush()
                os.fsync(file.fileno())
            _to_disk(folder)
            folder.rename(self._folder / folder.name.removesuffix(TEMPORARY))
            _to_disk(self._folder)
            for name in older:
                shutil.rmtree(self._folder / name)
        except OSError as error:
            return str(error)
        return None

    def _last_whole(self) -> str | None:
        if self._ranks.rank:
            return None
        for name in reversed(self._numbers()):
            try:
                self._require_whole(self._folder / name)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                _log.warning("checkpoint %s is ignored: %s: %s", self._folder / name, type(error).__name__, error)
            else:
                return name
        return None

    def _require_whole(self, folder: Path) -> None:
        document: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"it has the format {document['format']}, not {FORMAT}")
        if document["identity"] != self._identity:
            raise ValueError("it is that of another genome, space, shape, task, budget or seed")
        for name, digest in document["files"].items():
            if _digest(folder / Path(name).name) != digest:
                raise ValueError(f"{name} is damaged")

    def _numbers(self) -> list[str]:
        """Return the names of the checkpoints that were renamed, the last one last."""
        return sorted(path.name for path in self._folder.glob("[0-9]*") if path.name.isdecimal())


def _tensors(folder: Path) -> dict[str, Tensor]:
    reader = HuggingFaceStorageReader(str(folder))
    tensors = {
        name: torch.empty(found.size, dtype=found.properties.dtype)
        for name, found in reader.read_metadata().state_dict_metadata.items()
        if isinstance(found, TensorStorageMetadata)
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # as is meant: each process reads all
        read_tensors(tensors, storage_reader=reader, no_dist=True)
    return tensors


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
