"""The files that one training writes to the store of its request, and reads when it goes on."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import star
from evaluator.artifacts.artifact import Artifact
from evaluator.artifacts.checkpoint import Checkpoint, identity, packed, unpacked
from evaluator.artifacts.inheritance import inherit
from evaluator.artifacts.shards import Shards
from evaluator.artifacts.store import ArtifactError, Artifacts
from evaluator.evaluation import Request
from evaluator.parallel.ranks import ALONE, Ranks
from evaluator.schedule import stable_steps
from evaluator.train import Training
from genome import Genome

CHECKPOINT = "checkpoint"
"""The note of a progress file that holds the reference to the checkpoint before the cool-down."""

DIGEST_BYTES = 32

_log = logging.getLogger(__name__)


class TrainingFiles:
    """The weights, the checkpoint before the cool-down, and the progress of one training.

    References lead to weights and checkpoints, whose names hold the attempt: an abandoned attempt that still runs
    cannot replace what a later one has reported. Progress is found by its name, which all attempts share, and ends
    with its own SHA-256. Of several processes each writes its share of the progress, and process 0 all else. Without a
    store nothing is written.

    Raises:
        ArtifactError: the URL of the store is of no known kind.
        ValueError: several processes have a store that is no directory.
    """

    def __init__(self, request: Request, ranks: Ranks = ALONE) -> None:
        self._request, self._ranks = request, ranks
        self._identity = identity(request)
        self._artifacts = Artifacts(request.store.url) if request.store else None
        self._shards: Shards | None = None
        if request.store is not None and "://" not in request.store.url:
            self._shards = Shards(Path(request.store.url, self._key("shards")), self._identity, ranks)
        elif request.store is not None and not ranks.alone:
            raise ValueError(f"several processes keep their progress in a directory, not at {request.store.url}")

    def resume(self, training: Training, end: int) -> Artifact | None:
        """Take a fresh training that ends at step `end` to the last progress, or else to the checkpoint of the request.

        Returns:
            The checkpoint before the cool-down of an earlier attempt, if the progress lies behind it.

        Raises:
            ArtifactError: the checkpoint of the request is missing or damaged, or processes see different files.
            ValueError: the checkpoint of the request is that of another training, or there is no store.
        """
        checkpoint = self._resumed(training, end)
        steps = sorted(set(self._ranks.together(training.step)))
        if len(steps) > 1:
            raise ArtifactError(f"the processes would go on from the steps {steps}; all of them need one folder")
        return checkpoint

    def _resumed(self, training: Training, end: int) -> Artifact | None:
        progress = self._progress(training, end)
        if progress is not None:
            note = progress.notes.get(CHECKPOINT)
            return Artifact.from_json(note) if note else None
        if self._request.checkpoint is not None:
            if self._artifacts is None:
                raise ValueError("a request with a checkpoint needs the store in which it lies")
            data = self._artifacts.read(self._request.checkpoint)
            training.restore(unpacked(data, self._identity).state, end)
        return None

    def inherit(self, model: star.Backbone) -> None:
        """Give a fresh model what it inherits, if the request names a parent.

        Raises:
            ArtifactError: the weights of the parent are missing or damaged.
            ValueError: there is no store in which they lie.
        """
        parent = self._request.parent
        if parent is None:
            return
        if self._artifacts is None:
            raise ValueError("a request with a parent needs the store in which its weights lie")
        positions = Genome.parse(self._request.genome).unchanged(Genome.parse(parent.genome))
        inherit(model, positions, self._artifacts.read(parent.weights))

    def save_progress(self, training: Training, checkpoint: Artifact | None) -> None:
        """Write the state of a training, and the reference to its checkpoint if it is behind that.

        Raises:
            ArtifactError: it cannot be written.
        """
        if self._artifacts is None:
            return
        progress = Checkpoint(training.state(), {CHECKPOINT: checkpoint.to_json()} if checkpoint else {})
        if not self._ranks.alone:
            assert self._shards is not None
            self._shards.write(progress)
            if self._ranks.rank == 0:
                self._artifacts.delete(self._key("progress"))
            return
        data = packed(progress, self._identity)
        self._artifacts.write(self._key("progress"), data + hashlib.sha256(data).digest())
        if self._shards is not None:
            self._shards.delete()

    def save_checkpoint(self, training: Training) -> Artifact | None:
        """Write the state of a training before its cool-down. Raises ArtifactError when it cannot be written."""
        if self._artifacts is None or self._ranks.rank:
            return None
        key = self._key("checkpoint", f"-{self._request.attempt}.safetensors")
        return self._artifacts.write(key, packed(Checkpoint(training.state(), {}), self._identity))

    def save_weights(self, model: star.Backbone) -> Artifact | None:
        """Write the weights of a trained model. Raises ArtifactError when they cannot be written."""
        if self._artifacts is None or self._ranks.rank:
            return None
        return self._artifacts.write(self._key("weights", f"-{self._request.attempt}.safetensors"), star.weights(model))

    def delete_progress(self) -> None:
        """Delete the progress of an evaluation that has ended; a failure is logged and leaves the file."""
        if self._artifacts is not None and self._ranks.rank == 0:
            try:
                self._artifacts.delete(self._key("progress"))
            except ArtifactError as error:
                _log.warning("%s", error)
            if self._shards is not None:
                self._shards.delete()

    def _progress(self, training: Training, end: int) -> Checkpoint | None:
        """Restore the last progress and return it, or None when there is none that can be used."""
        sharded = None if self._shards is None else self._shards.read()
        found = [one for one in (self._of_one_process(), sharded) if one is not None]
        for progress in sorted(found, key=lambda one: one.state.step, reverse=True):
            try:
                self._require_checkpoint(progress, end)
                training.restore(progress.state, end)
            except (ArtifactError, ValueError) as error:
                _log.warning("progress at step %d is ignored: %s", progress.state.step, error)
                continue
            _log.info("candidate %d goes on from step %d of %d", self._request.candidate, training.step, end)
            return progress
        return None

    def _of_one_process(self) -> Checkpoint | None:
        """Return the progress that one process wrote, or None when there is none that can be used."""
        if self._artifacts is None:
            return None
        key = self._key("progress")
        try:
            data = self._artifacts.fetch(key)
            return None if data is None else unpacked(_verified(data), self._identity)
        except (ArtifactError, ValueError) as error:
            _log.warning("progress %s is ignored: %s", key, error)
            return None

    def _require_checkpoint(self, progress: Checkpoint, end: int) -> None:
        """Check that a short training in its cool-down has its checkpoint, from which it could not be made again."""
        assert self._artifacts is not None
        short = end < self._request.budget.steps
        if short and progress.state.step > stable_steps(end, self._request.budget):
            note = progress.notes.get(CHECKPOINT)
            if note is None:
                raise ValueError("it lies in the cool-down and has no checkpoint")
            self._artifacts.read(Artifact.from_json(note))

    def _key(self, name: str, suffix: str = "") -> str:
        assert self._request.store is not None
        return f"{self._request.store.prefix}/{name}-{self._request.trained_tokens}{suffix}"


def _verified(data: bytes) -> bytes:
    """Return bytes without the SHA-256 at their end. Raises ValueError when it is not theirs."""
    content, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it is damaged")
    return content
