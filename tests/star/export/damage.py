"""Damages to an exported folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

GENOME_FILE, WEIGHTS_FILE = "genome.json", "model.safetensors"

Damage = Callable[[Path], Any]


def description(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Change the JSON of genome.json."""

    def damage(folder: Path) -> None:
        found = json.loads((folder / GENOME_FILE).read_text())
        change(found)
        (folder / GENOME_FILE).write_text(json.dumps(found))

    return damage


def field(value: Any, *path: Any) -> Damage:
    """Set a field of genome.json."""

    def change(found: Any) -> None:
        for name in path[:-1]:
            found = found[name]
        found[path[-1]] = value

    return description(change)


def tensors(change: Callable[[dict[str, Tensor]], Any]) -> Damage:
    """Change the tensors of model.safetensors."""

    def damage(folder: Path) -> None:
        found = load((folder / WEIGHTS_FILE).read_bytes())
        change(found)
        (folder / WEIGHTS_FILE).write_bytes(save(found))

    return damage


def content(name: str, change: Callable[[bytes], bytes]) -> Damage:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def linked(name: str, target: str) -> Damage:
    """Replace a file by a link; the file itself lies beside the folder afterwards."""

    def damage(folder: Path) -> None:
        (folder / name).rename(folder.parent / name)
        (folder / name).symlink_to(target)

    return damage


def pipe(folder: Path) -> None:
    (folder / GENOME_FILE).unlink()
    os.mkfifo(folder / GENOME_FILE)
