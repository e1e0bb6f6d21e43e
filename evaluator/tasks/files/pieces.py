"""Sequences of L + 1 tokens that are drawn from long pieces of data, and never reach from one piece into the next.

B sequences, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluator.budget import Budget
from evaluator.value import FieldError


def windows(pieces: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Count the places in each piece at which L + 1 tokens begin."""
    return np.maximum(0, [len(piece) - length for piece in pieces])


def sequences(pieces: Sequence[np.ndarray], chosen_B: np.ndarray, length: int) -> np.ndarray:
    """Read the sequences at these places, counted through all pieces: int64, (B, L + 1)."""
    ends = np.cumsum(windows(pieces, length))
    piece_B = np.searchsorted(ends, chosen_B, side="right")
    start_B = chosen_B - np.concatenate([[0], ends])[piece_B]
    rows = [pieces[n][start : start + length + 1] for n, start in zip(piece_B, start_B, strict=True)]
    return np.stack(rows).astype(np.int64)


def spread(pieces: Sequence[np.ndarray], count: int, length: int) -> np.ndarray:
    """Read so many sequences that are spread evenly over the pieces: int64, (B, L + 1)."""
    last = windows(pieces, length).sum() - 1
    return sequences(pieces, np.linspace(0, last, count).astype(np.int64), length)


def drawn(pieces: Sequence[np.ndarray], rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Read so many sequences at random places: int64, (B, L + 1)."""
    return sequences(pieces, rng.integers(0, windows(pieces, length).sum(), count), length)


def require_room(budget: Budget, data: str, **parts: Sequence[np.ndarray]) -> None:
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
