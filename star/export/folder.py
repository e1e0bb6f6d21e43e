"""The format `folder`: a genome, weights and a model card, which `star.load` reads. No file is a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genome import Shape
from star.export import card
from star.export.description import parsed
from star.export.exported import Exported

GENOME_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "genome.json", "model.safetensors", "tokenizer.json"

TOKENS_USE = """logits = model(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, vocabulary)
tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), new_tokens=32)
"""
VALUES_USE = """values = model(torch.zeros(1, 8, {channels}))  # (batch, steps, values that are predicted at each step)
"""


def write(exported: Exported, folder: Path) -> None:
    """Write genome.json, model.safetensors, README.md and, if they are known, the tokenizer and the frontier."""
    write_description(exported, folder)
    (folder / WEIGHTS_FILE).write_bytes(exported.weights)
    if exported.tokenizer is not None:
        (folder / TOKENIZER_FILE).write_bytes(exported.tokenizer)
    card.write(exported, folder, _use(exported.shape))


def write_description(exported: Exported, folder: Path) -> None:
    """Write genome.json."""
    description = json.dumps(exported.to_json(), indent=2, allow_nan=False)
    (folder / GENOME_FILE).write_text(description + "\n", encoding="utf-8")


def read(folder: Path) -> Exported:
    """Read what `write` wrote, or somebody else. Nothing is executed, and other files are ignored.

    Raises:
        ValueError: a file is missing, damaged, of another version, or leads out of the folder; the message names the
            file and the field or the tensor.
    """
    with _named(GENOME_FILE, folder):
        description = parsed(_bytes(folder, GENOME_FILE))
    with _named(WEIGHTS_FILE, folder):
        weights = _bytes(folder, WEIGHTS_FILE)
    with _named(TOKENIZER_FILE, folder):
        tokenizer = _tokenizer(folder)
    with _named(GENOME_FILE, folder):
        exported = Exported.from_json(description, weights, tokenizer)
    with _named(WEIGHTS_FILE, folder):
        _ = exported.model
    return exported


def _tokenizer(folder: Path) -> bytes | None:
    """Return the bytes of tokenizer.json, None where there is no such file. It is checked to be JSON and not used."""
    if not (folder / TOKENIZER_FILE).exists():
        return None
    found = _bytes(folder, TOKENIZER_FILE)
    json.loads(found)
    return found


def _bytes(folder: Path, name: str) -> bytes:
    path = Path(os.path.realpath(folder / name))
    if not path.is_relative_to(os.path.realpath(folder)):
        raise ValueError("it is a link that leads out of the folder")
    if not path.exists():
        raise ValueError("it is missing")
    if not path.is_file():
        raise ValueError("it is not a file")
    return path.read_bytes()


@contextmanager
def _named(file: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{file} in {folder}: {error}") from error


def _use(shape: Shape) -> str:
    use = VALUES_USE.format(channels=shape.channels) if shape.channels else TOKENS_USE
    return (
        f'```python\nimport torch, star\n\nmodel = star.load(".")\n{use}```\n\n'
        "It needs torch, safetensors and the packages `star` and `genome`. Nothing is unpickled."
    )
