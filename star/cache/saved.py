"""A cache as bytes: safetensors with the architecture, the batch and the position as metadata.

B batch, T tokens so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from star.cache.cache import Cache

FORMAT = "star cache 1"
"""The version of the bytes."""

MISSING = "missing"
"""The name of the tensor that says how many tokens fewer each sequence has seen, where that is not the same number."""

Memory = Sequence[Sequence[Callable[[int], Mapping[str, tuple[int, ...]]]]]
"""For each LIV of each block the sizes of its tensors, without the batch, after a number of tokens."""


def to_bytes(cache: Cache, architecture: str) -> bytes:
    """Return the bytes of a cache of a model of this architecture."""
    tensors = {name: x.clone(memory_format=torch.contiguous_format) for name, x in _named(cache).items()}
    if cache.missing is not None:
        tensors[MISSING] = cache.missing
    described = {"format": FORMAT, "architecture": architecture}
    return save(tensors, described | {"batch": str(cache.batch), "position": str(cache.position)})


def from_bytes(data: bytes, architecture: str, empty: Cache, memory: Memory) -> Cache:
    """Read what `to_bytes` returned.

    Args:
        architecture: of the model that is to go on.
        empty: a cache of this model without sequences, which is filled.
        memory: the sizes of the tensors that this model keeps.

    Raises:
        ValueError: the bytes are damaged or of another version, architecture, dtype or size.
    """
    tensors, described = _read(data)
    if described.get("format") != FORMAT:
        raise ValueError(f"these bytes are no saved cache of this version: {described.get('format')!r}, not {FORMAT!r}")
    if described.get("architecture") != architecture:
        raise ValueError(f"the cache is of a model {described.get('architecture')!r}, not {architecture!r}")
    batch, position = (_count(described, name) for name in ("batch", "position"))
    missing_B = tensors.pop(MISSING, None)
    _check_missing(missing_B, batch, position)
    expected = _named(empty)
    if tensors.keys() != expected.keys():
        raise ValueError(f"the cache has the tensors {sorted(tensors)}; the model keeps {sorted(expected)}")
    for n, block in enumerate(empty.stores):
        for index, store in enumerate(block):
            sizes = memory[n][index](position)
            for name, kept in store.tensors.items():
                found = tensors[_name(n, index, name)]
                _check_tensor(_name(n, index, name), found, (batch, *sizes[name]), kept.dtype)
                store.tensors[name] = found.to(kept.device)
            store.position = position
            store.missing_B = None if missing_B is None else missing_B.to(empty.device)
    empty.batch = batch
    return empty


def _read(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of safetensors: the length of a header in JSON, the header, the tensors."""
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"these bytes are no saved cache: {error}") from None
    described: dict[str, str] = header.get("__metadata__", {})
    return tensors, described


def _count(described: Mapping[str, str], name: str) -> int:
    text = described.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"the {name} of the saved cache must be a whole number, not {text!r}")
    return int(text)


def _check_missing(missing_B: Tensor | None, batch: int, position: int) -> None:
    if missing_B is None:
        return
    whole = missing_B.dtype is torch.long and missing_B.shape == (batch,)
    if not whole or ((missing_B < 0) | (missing_B > position)).any():
        raise ValueError(f"each of {batch} sequences must miss 0 to {position} tokens, not {missing_B.tolist()}")


def _check_tensor(name: str, found: Tensor, sizes: tuple[int, ...], dtype: torch.dtype) -> None:
    if tuple(found.shape) != sizes or found.dtype != dtype:
        raise ValueError(
            f"tensor {name} of the saved cache is {found.dtype} of {tuple(found.shape)}; "
            f"the model keeps {dtype} of {sizes}"
        )


def _named(cache: Cache) -> dict[str, Tensor]:
    """Return all tensors by their names in the bytes."""
    return {
        _name(n, index, name): x
        for n, block in enumerate(cache.stores)
        for index, store in enumerate(block)
        for name, x in store.tensors.items()
    }


def _name(block: int, liv: int, name: str) -> str:
    return f"{block}.{liv}.{name}"
