"""Bytes that outlive a worker: where they lie, references to them, and checkpoints of a training."""

from evaluator.artifacts.artifact import Artifact
from evaluator.artifacts.store import TEMPORARY, ArtifactError, Artifacts, DamagedArtifactError

__all__ = ["TEMPORARY", "Artifact", "ArtifactError", "Artifacts", "DamagedArtifactError"]
