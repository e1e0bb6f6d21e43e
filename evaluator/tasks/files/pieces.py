"""Sequences of L + 1 tokens that are drawn from long pieces of data, and never reach from one piece into the next.

B sequences, L tokens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluator.budget import Budget
from evaluator.value import FieldError


class FilePiece:
    """The bytes of a file as a piece, of which only those that are asked for are read."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> np.ndarray:
        """Read some bytes: uint8, (N,).

        Raises:
            OSError: they cannot be read, or the file has become shorter.
        """
        start, stop, _ = part.indices(self._size)
        with os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
            found = os.pread(file.fileno(), stop - start, start)
        if len(found) < stop - start:
            raise OSError(f"{self._path} has become shorter than {stop} bytes")
        return np.frombuffer(found, np.uint8)


Piece = np.ndarray | FilePiece


class Windows:
    """All sequences of L + 1 tokens in some pieces, counted through the pieces."""

    def __init__(self, pieces: Sequence[Piece], length: int) -> None:
        self._pieces, self._length = pieces, length
        self._ends = np.cumsum(np.maximum(0, [len(piece) - length for piece in pieces]))

    def drawn(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Read so many sequences at random places: int64, (B, L + 1)."""
        return self._read(rng.integers(0, self._ends[-1], count))

    def spread(self, count: int) -> np.ndarray:
        """Read so many sequences that are spread evenly over the pieces: int64, (B, L + 1)."""
        return self._read(np.linspace(0, self._ends[-1] - 1, count).astype(np.int64))

    def _read(self, chosen_B: np.ndarray) -> np.ndarray:
        piece_B = np.searchsorted(self._ends, chosen_B, side="right")
        start_B = chosen_B - np.concatenate([[0], self._ends])[piece_B]
        rows = [self._pieces[n][start : start + self._length + 1] for n, start in zip(piece_B, start_B, strict=True)]
        return np.stack(rows).astype(np.int64)


def require_room(budget: Budget, data: str, **parts: Sequence[Piece]) -> None:
    """Check that a piece of each part has a sequence of the budget's length.

    Raises:
        FieldError: one has not; the message names the part and the longest length.
    """
    for name, pieces in parts.items():
        longest = max(map(len, pieces), default=0)
        if longest <= budget.length:
            raise FieldError(
                ("budget", "length"),
                f"length must be 2 to {longest - 1}, not {budget.length}: the longest piece for {name} of {data} has "
                f"{longest} tokens",
            )
