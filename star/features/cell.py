"""What a memory cell (sLSTM) has beside gates and values: its forget gate and the feedback of its own output.

B batch, L tokens, D model width, H heads, K channels per head, C = 4 K K.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from star.cache import Store
from star.features.feature import Feature, parameter
from star.features.projection import Projection

SLOWEST, FASTEST = 5.0, -7.0
"""Biases of the forget gates of a head, first to last channel: 150 tokens of memory to none (xLSTM, appendix A.2)."""


class CellForgetGate(Projection):
    """f_BLHK = projection + bias, the logit of what is kept."""

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, extent, group)
        self.bias_HK = parameter(*extent)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return super().forward(x_BLD, length, store) + self.bias_HK

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            self.bias_HK.copy_(torch.linspace(SLOWEST, FASTEST, self.extent.size).expand(self.extent))


class Feedback(Feature):
    """m_HC: what a head's last output adds to its four gates, a constant; zero at first (xLSTM, appendix A.2)."""

    decaying = ("weight_HC",)

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, extent, group)
        self.weight_HC = parameter(*extent)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.weight_HC

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.zeros_(self.weight_HC)

    def flops(self) -> int:
        return 0
