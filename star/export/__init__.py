"""Exports of a model: `export` and `convert` write one of the formats, `load` reads a folder back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save

from genome import Genome, Shape, Space
from star.backbone import Backbone
from star.export import folder as folders
from star.export.exported import Exported
from star.export.formats import FORMATS, NotCarriedError
from star.export.writing import write

__all__ = ["FORMATS", "Exported", "NotCarriedError", "convert", "export", "load", "weights", "write"]


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
    tokenizer: bytes | None = None,
) -> Path:
    """Write a model in a format, by default genome.json, model.safetensors and README.md. Return the folder.

    The folder is written whole or not at all, and equal arguments give equal bytes.

    Args:
        facts: JSON values that are stored beside the genome.
        format: a name in `FORMATS`.
        tokenizer: the JSON of `tokenizers` that made the tokens, which goes with the model.

    Raises:
        NotCarriedError: the format cannot carry this model.
        ValueError: the format is unknown, the genome is not legal, or the weights do not fit it.
        FileExistsError: the folder holds anything but an export of which every file is written again.
    """
    write(Exported(genome, space, shape, weights, facts, tokenizer), Path(folder), format)
    return Path(folder)


def convert(source: Path | str, folder: Path | str, format: str = "folder") -> Path:
    """Write the model of a folder that `load` reads in another format. Return the folder of that format.

    Raises:
        ValueError: `source` cannot be read, or what `export` raises.
        FileExistsError: the folder holds anything but an export of which every file is written again.
    """
    write(folders.read(Path(source)), Path(folder), format)
    return Path(folder)


def load(folder: Path | str) -> Backbone:
    """Rebuild a model from the format `folder`, in evaluation mode.

    Read are genome.json, model.safetensors and, where it is there, tokenizer.json. Nothing is unpickled, and no code of
    the folder is run.

    Raises:
        ValueError: a file is missing, damaged, of another version, or leads out of the folder; the message names the
            file and the field or the tensor.
    """
    return folders.read(Path(folder)).model
