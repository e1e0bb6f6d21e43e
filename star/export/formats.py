"""The formats in which a model leaves, one row each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from star.export import folder
from star.export.exported import Exported
from star.export.hugging_face import form as hugging_face
from star.export.programs import onnx, pt2
from star.export.programs.prepare import refusal
from star.export.standalone import form as standalone


class Format(NamedTuple):
    """One format.

    Attributes:
        description: what is written, for people.
        needs: the packages that loading it needs.
        write: writes a model into a folder that exists and is empty.
        refusal: says why a model cannot be written in this format, or returns None; it writes nothing.
        light: whether a model is written in a moment; a server writes all others in a process of their own.
    """

    description: str
    needs: tuple[str, ...]
    write: Callable[[Exported, Path], None]
    refusal: Callable[[Exported], str | None] = lambda exported: None
    light: bool = False


class NotCarriedError(ValueError):
    """A format cannot carry a model; the message says why."""


FORMATS = {
    "folder": Format(
        "genome, weights and a README, for `star.load`", ("torch", "safetensors", "star"), folder.write, light=True
    ),
    "standalone": Format("one Python file and weights, which need torch alone", ("torch",), standalone.write),
    "pt2": Format("two programs of torch.export, without code of ours", ("torch",), pt2.write, refusal),
    "onnx": Format("two programs for runtimes of ONNX", ("onnxruntime", "numpy"), onnx.write, onnx.refusal),
    "transformers": Format(
        "configuration, code and weights for `AutoModelForCausalLM`, and the tokenizer",
        ("torch", "transformers"),
        hugging_face.write,
        hugging_face.refusal,
    ),
}
"""The formats by name."""


def format_named(name: str) -> Format:
    """Return the format of a name.

    Raises:
        ValueError: there is none; the message lists the legal names.
    """
    if name not in FORMATS:
        raise ValueError(f"the format is {name!r}; legal: {', '.join(FORMATS)}")
    return FORMATS[name]
