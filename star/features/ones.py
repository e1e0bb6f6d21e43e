"""Features that are one for every token.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from torch import Tensor

from star.cache import Store
from star.features.feature import Weightless


class Ones(Weightless):
    """A constant of ones: unit steps, a filter without gates (state-space models), or an output that is not gated."""

    joinable = True

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return x_BLD.new_ones(*x_BLD.shape[:2], *self.head_size)
