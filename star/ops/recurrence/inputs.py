"""The input of every form of a recurrence: the five feature groups of a (key, value) state, as one value.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """The feature groups of a recurrence or of a delta rule, all of one floating dtype.

    Attributes:
        c: queries, (B, L, G, K); they read the state.
        b: keys, (B, L, G, K); values are written to the state under them.
        a: log decays for a unit step, 0 or less, (B, L, H, R). B and L are 1 where all sequences and tokens share them.
        d: step sizes of a recurrence, replaced shares of a delta rule, (B, L, H, 1).
        v: values, (B, L, H, V).
    """

    c: Tensor
    b: Tensor
    a: Tensor
    d: Tensor
    v: Tensor

    @property
    def length(self) -> int:
        """L, the number of tokens."""
        return self.v.shape[1]

    def every_token(self) -> Inputs:
        """Return the same inputs with log decays for every token, as a view."""
        return self._replace(a=self.a.expand(-1, self.length, -1, -1))

    def token(self, t: int) -> Inputs:
        """Select token t, without the axis L."""
        return Inputs(
            self.c[:, t], self.b[:, t], self.a[:, t if self.a.shape[1] > 1 else 0], self.d[:, t], self.v[:, t]
        )

    def tokens(self, start: int, end: int) -> Inputs:
        """Select tokens `start` to `end`, the latter not included; shared log decays stay shared."""
        a = self.a[:, start:end] if self.a.shape[1] > 1 else self.a
        return Inputs(self.c[:, start:end], self.b[:, start:end], a, self.d[:, start:end], self.v[:, start:end])

    def split(self, size: int) -> list[Inputs]:
        """Cut into spans of `size` tokens, the last one possibly shorter."""
        return [self.tokens(start, start + size) for start in range(0, self.length, size)]


def joined(parts: list[Tensor]) -> Tensor:
    """Join the outputs of consecutive spans: y_BLHV."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
