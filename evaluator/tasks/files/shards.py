"""Token ids in files, memory-mapped: plain arrays `.bin` and `.npy`, one file or a directory of shards.

Symbolic links are refused, and nothing is unpickled. Shards are in the order of their names.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

DTYPES = ("uint16", "uint32")
SUFFIXES = (".bin", ".npy")

BLOCK_TOKENS = 1 << 24
"""Tokens that are looked at in one piece: at most 64 MiB."""


def shards(data: Path, dtype: str) -> list[np.ndarray]:
    """Map the shards of a file or a directory into memory: arrays of tokens, (N,), which nobody may write.

    Args:
        dtype: of the numbers in `.bin` files, "uint16" or "uint32"; a `.npy` file names its own.

    Raises:
        ValueError: there is none, or one is a link, empty, cut off, or no array of one dimension of these types.
    """
    paths = sorted(path for path in data.iterdir() if path.suffix in SUFFIXES) if data.is_dir() else [data]
    if not paths:
        raise ValueError(f"{data} has no file that ends with {' or '.join(SUFFIXES)}")
    return [_shard(path, dtype) for path in paths]


def require_known(found: list[np.ndarray], symbols: int) -> None:
    """Check that every token is below `symbols`. Looks at all of them once for each state of the files.

    Raises:
        ValueError: one is not; the message names the shard and the token.
    """
    for array in found:
        path = str(getattr(array, "filename", ""))
        largest = _largest(path, os.stat(path).st_mtime_ns, array.dtype.str, len(array))
        if largest >= symbols:
            raise ValueError(f"{path} has the token {largest}; with {symbols} symbols the largest one is {symbols - 1}")


def symbols_of(tokenizer: Path, most: int) -> int:
    """Return the number of tokens of a tokenizer in the JSON of the library `tokenizers`: its largest id and one.

    Raises:
        ValueError: it is no such file, or it has more than `most` tokens.
    """
    try:
        document = json.loads(_regular(tokenizer).read_text(encoding="utf-8"))
        vocabulary = document["model"]["vocab"]
        known = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        symbols = 1 + max(int(n) for n in (*known, *(added["id"] for added in document.get("added_tokens", ()))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{tokenizer} is no tokenizer in the JSON of `tokenizers`: {error!r}") from None
    if symbols > most:
        raise ValueError(f"{tokenizer} has {symbols} tokens; a vocabulary has {most} at most")
    return symbols


def _shard(path: Path, dtype: str) -> np.ndarray:
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} must end with {' or '.join(SUFFIXES)}")
    size = _regular(path).stat().st_size
    if path.suffix == ".npy":
        try:
            array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path} is no whole .npy file: {error}") from None
        if array.ndim != 1 or array.dtype.name not in DTYPES:
            raise ValueError(f"{path} must be (N,) of {' or '.join(DTYPES)}, not {array.shape} of {array.dtype.name}")
    else:
        width = np.dtype(dtype).itemsize
        if size % width:
            raise ValueError(f"{path} is cut off: its {size} bytes are no multiple of the {width} bytes of a {dtype}")
        array = np.memmap(path, dtype, mode="r") if size else np.empty(0, dtype)
    if not len(array):
        raise ValueError(f"{path} is empty")
    return array


def _regular(path: Path) -> Path:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path} is a link or another special file; name a regular one")
    return path


@lru_cache(maxsize=1024)
def _largest(path: str, changed: int, dtype: str, length: int) -> int:
    array = next(iter(shards(Path(path), np.dtype(dtype).name)))
    return max(int(block.max()) for block in _blocks(array))


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(array), BLOCK_TOKENS):
        yield array[start : start + BLOCK_TOKENS]
