"""What lies beside the programs of a model: a manifest of inputs, outputs and states, and how they are called.

B batch, L tokens of a call, T tokens so far.
"""

from __future__ import annotations

import json
from typing import Any

import torch

from genome import Shape
from star.export.exported import Exported
from star.export.programs.record import Programs

MANIFEST_FILE = "manifest.json"

SYMBOLS = {
    "B": "sequences, at least 1",
    "L": "tokens of a call, at least 1",
    "T": "tokens that the states have seen, 0 before the first call",
}
"""The meaning of the symbols in shapes."""


def manifest(exported: Exported, programs: Programs, suffix: str) -> str:
    """Describe the programs as JSON: their files, inputs, outputs and states in their order, which begin as zeros."""
    shape, dtype = exported.model.shape, _name(exported.model.embedding_VD.dtype)
    description = {
        "programs": {"forward": f"forward.{suffix}", "step": f"step.{suffix}"},
        "symbols": SYMBOLS,
        "input": _input(shape, dtype),
        "output": {"name": "logits", "shape": ["B", "L", shape.vocab], "dtype": dtype},
        "states": [
            {"name": state.name, "shape": state.shape, "dtype": _name(state.dtype), "initial": "zeros"}
            for state in programs.states
        ],
    }
    return json.dumps(description, indent=2, allow_nan=False) + "\n"


def use(needs: str, lines: str) -> str:
    """Say what the programs compute, what they need and how they are called, as Markdown."""
    return (
        f"Two programs need {needs} and nothing of STAR. `forward` computes whole sequences. `step` computes the next "
        "tokens of sequences, one or more at a time, and the states after them; `manifest.json` lists the states, "
        "which begin as zeros. Any batch and any length are taken. Attention takes memory, and long filters time, that "
        "grow with the square of the length; recurrences go through a sequence token by token.\n\n"
        f"```python\n{lines}```\n"
    )


def _input(shape: Shape, dtype: str) -> dict[str, Any]:
    if shape.channels:
        return {"name": "values", "shape": ["B", "L", shape.channels], "dtype": dtype}
    return {"name": "tokens", "shape": ["B", "L"], "dtype": "int64"}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
