"""The formats in which a model leaves, one row each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from star.export import folder
from star.export.exported import Exported


class Format(NamedTuple):
    """One format.

    Attributes:
        description: what is written, for people.
        needs: the packages that loading it needs.
        write: writes a model into a folder that exists.
        refusal: says why a model cannot be written in this format, or returns None; it writes nothing.
    """

    description: str
    needs: tuple[str, ...]
    write: Callable[[Exported, Path], None]
    refusal: Callable[[Exported], str | None] = lambda exported: None


FORMATS = {
    "folder": Format("genome, weights and a README, for `star.load`", ("torch", "safetensors", "star"), folder.write),
}
"""The formats by name."""
