"""The model of this file: its architecture as a value, and its weights from a file in the format safetensors.

A file of safetensors has eight bytes with the length of a JSON header, the header, which gives the dtype, shape and
place of each tensor, and the numbers. Nothing in it is code.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from genome import Blueprint, Heads, Shape
from star.backbone import Backbone
from star.build import assembled, filled

BLUEPRINT: Blueprint = Blueprint((), 0)
"""The architecture."""

SHAPE: Shape = Shape()
SIZES: tuple[dict[str, Heads], ...] = ()
"""The heads and channels of the feature groups of each LIV."""

WEIGHTS = Path(__file__).with_name("model.safetensors")

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def load(weights: Path | str = WEIGHTS) -> Backbone:
    """Return the model with its weights, in evaluation mode.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or its tensors are not those of this model.
    """
    model = assembled(BLUEPRINT, SHAPE, SIZES)
    found = tensors(Path(weights).read_bytes())
    expected = dict(model.named_parameters())
    wrong = sorted(expected.keys() ^ found.keys())
    wrong += [name for name in expected.keys() & found.keys() if expected[name].shape != found[name].shape]
    if wrong:
        raise ValueError(f"{weights} does not fit this model: {', '.join(wrong[:5])}")
    return filled(model, found)


def tensors(data: bytes) -> dict[str, Tensor]:
    """Read the tensors of a file by name.

    Raises:
        ValueError: it is damaged.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:start])
        return {name: _tensor(data, start, **about) for name, about in header.items() if name != "__metadata__"}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the weights are damaged: {error}") from None


def _tensor(data: bytes, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    first, last = data_offsets
    own = bytearray(data[start + first : start + last])
    kind = DTYPES[dtype]
    if len(own) != prod(shape) * kind.itemsize:
        raise ValueError(f"a tensor of shape {shape} has {len(own)} bytes")
    return torch.frombuffer(own, dtype=kind).reshape(shape) if own else torch.empty(shape, dtype=kind)
