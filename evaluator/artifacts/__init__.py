"""Bytes that outlive a worker: where they lie, references to them, and checkpoints of a training."""

from evaluator.artifacts.artifact import Artifact
from evaluator.artifacts.store import ArtifactError, Artifacts, DamagedArtifactError

__all__ = ["Artifact", "ArtifactError", "Artifacts", "DamagedArtifactError"]
