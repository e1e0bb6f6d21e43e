"""The forget gate of a memory cell (sLSTM) and the feedback of its output to its gates.

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
"""Biases of the forget gates of the first and last channel of a head: 150 tokens are kept, or none (xLSTM, A.2)."""


class CellForgetGate(Projection):
    """f_BLHK = projection + bias, the logit of the share of the state that is kept."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.bias_HK = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return super().forward(x_BLD, length, store) + self.bias_HK

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            self.bias_HK.copy_(torch.linspace(SLOWEST, FASTEST, self.head_size.size).expand(self.head_size))


class Feedback(Feature):
    """m_HC: learned weights of the last output of a head in its four gates; initially zero (xLSTM, appendix A.2)."""

    decaying = ("weight_HC",)
    joinable = True

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.weight_HC = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.weight_HC

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.zeros_(self.weight_HC)

    def flops(self) -> int:
        return 0
