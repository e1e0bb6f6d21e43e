"""Rows of tokens in memory with room for more, so that a further token costs the same however many there are.

B batch, L new tokens, T tokens kept, H heads, K channels per head.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALL = 1 << 16
"""Bytes up to which a copy of all rows costs no more than writing into a part of a tensor (64 KiB, on a CPU)."""


class Rows:
    """The last rows of a tensor (B, T, ...), of which `kept` is a view.

    The memory doubles when it is full; the rows that are kept move to its beginning. So a token costs the same on
    average, and at most twice the memory of the kept rows is reserved, twice that of a window in which it slides.
    Heads stand outside the tokens in memory, as attention reads all tokens of one head after the other.

    Attributes:
        kept: the rows that are kept, (B, T, ...).
    """

    def __init__(self, kept_BT: Tensor, more: int) -> None:
        """Reserve memory for the kept rows, for `more` rows, and for as many again."""
        capacity = 2 * (kept_BT.shape[1] + more)
        batch, length, *sizes = kept_BT.shape
        if len(sizes) == 2:
            heads, size = sizes
            self._all = kept_BT.new_empty(batch, heads, capacity, size).transpose(1, 2)
        else:
            self._all = kept_BT.new_empty(batch, capacity, *sizes)
        self._end = length
        self._all[:, :length] = kept_BT
        self.kept = kept_BT

    @property
    def bytes(self) -> int:
        """Bytes of the memory, with those of the rows that are not filled."""
        return self._all.nbytes

    def fit(self, new_BL: Tensor) -> bool:
        """Return whether these rows can be written behind the kept ones: there is room, and PyTorch allows it."""
        free = self._all.shape[1] - self._end >= new_BL.shape[1]
        return free and (torch.is_inference_mode_enabled() or not self._all.is_inference())

    def extended(self, new_BL: Tensor) -> Tensor:
        """Write rows that fit behind the kept ones, and return both; all of them are kept."""
        begin = self._end - self.kept.shape[1]
        end = self._end + new_BL.shape[1]
        self._all[:, self._end : end] = new_BL
        self._end = end
        self.kept = self._all[:, begin:end]
        return self.kept

    def last(self, keep: int) -> Tensor:
        """Keep the last `keep` rows alone, and return them."""
        if self.kept.shape[1] > keep:
            self.kept = self._all[:, self._end - keep : self._end]
        return self.kept
