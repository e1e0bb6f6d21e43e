"""Weights as safetensors bytes, of which nothing is unpickled, compared with what an architecture needs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
"""The dtypes that weights may have; all have the same."""

MOST_TOLD = 5
"""Tensors that an error names."""


def fitting(data: bytes, expected: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Read tensors that have these names and shapes and one dtype.

    Raises:
        ValueError: the bytes are no safetensors, or the tensors are others; the message names them.
    """
    try:
        found = load(data)
    except SafetensorError as error:
        raise ValueError(f"the weights are damaged or no safetensors: {error}") from None
    missing = [f"{name} is missing" for name in expected.keys() - found.keys()]
    extra = [f"{name} has no place in it" for name in found.keys() - expected.keys()]
    wrong = [
        f"{name} has the shape {tuple(found[name].shape)}, not {tuple(expected[name])}"
        for name in expected.keys() & found.keys()
        if found[name].shape != expected[name]
    ]
    faults = sorted(missing) + sorted(extra) + sorted(wrong)
    if faults:
        more = f", and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        raise ValueError(f"the weights do not fit the genome: {', '.join(faults[:MOST_TOLD])}{more}")
    _require_one_dtype(found)
    return found


def _require_one_dtype(found: Mapping[str, Tensor]) -> None:
    names = list(found)
    first = found[names[0]].dtype
    for name in names:
        if found[name].dtype not in DTYPES:
            legal = ", ".join(str(dtype).removeprefix("torch.") for dtype in DTYPES)
            raise ValueError(f"{name} has the dtype {_name(found[name])}; legal: {legal}")
        if found[name].dtype != first:
            raise ValueError(f"{name} has the dtype {_name(found[name])}, and {names[0]} has {_name(found[names[0]])}")


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
