"""Exports of a model: `export` writes one of the formats, `load` reads a folder back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save

from genome import Genome, Shape, Space
from star.backbone import Backbone
from star.export import folder as folders
from star.export.exported import Exported
from star.export.formats import FORMATS


def weights(model: Backbone) -> bytes:
    """Return the parameters of a model as safetensors bytes; a shared tensor is stored once, under its first name."""
    return save({name: tensor.detach().contiguous() for name, tensor in model.named_parameters()})


def export(
    folder: Path | str,
    genome: Genome,
    space: Space,
    shape: Shape,
    weights: bytes,
    facts: Mapping[str, Any],
    format: str = "folder",
) -> Path:
    """Write a model in a format, by default genome.json, model.safetensors and README.md. Return the folder.

    Args:
        facts: JSON values that are stored beside the genome.
        format: a name in `star.export.formats.FORMATS`.

    Raises:
        ValueError: the format is unknown or cannot carry this model, the genome is not legal, or the weights do not
            fit it. Nothing is written.
    """
    if format not in FORMATS:
        raise ValueError(f"the format is {format!r}; legal: {', '.join(FORMATS)}")
    exported = Exported(genome, space, shape, weights, facts)
    _ = exported.model  # refuses weights that do not fit before anything is written
    refusal = FORMATS[format].refusal(exported)
    if refusal is not None:
        raise ValueError(f"the format {format} cannot carry this model: {refusal}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    FORMATS[format].write(exported, folder)
    return folder


def load(folder: Path | str) -> Backbone:
    """Rebuild a model from the format `folder`, in evaluation mode.

    Raises:
        FileNotFoundError: the folder holds no export.
        ValueError: this version cannot read its format, genome or weights; the message says which.
    """
    return folders.read(Path(folder)).model
