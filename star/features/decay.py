"""The decay and the step size of a recurrence, parametrised and initialised as in Mamba (Gu & Dao 2023, section 3.6).

B batch, L tokens, D model width, H heads, K state channels per head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from star.cache import Store
from star.features.feature import Feature, parameter
from star.features.projection import Projection

SHORTEST_STEP, LONGEST_STEP = 1e-3, 1e-1


class LogDecay(Feature):
    """a_HK = -exp(p), a learned constant; p starts at log 1 ... log K."""

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, extent, group)
        self.log_rate_HK = parameter(*extent)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None) -> Tensor:
        return -self.log_rate_HK.exp()

    def initialise(self, generator: Generator) -> None:
        with torch.no_grad():
            self.log_rate_HK.copy_(torch.arange(1, self.extent.size + 1).log().expand_as(self.log_rate_HK))

    def flops(self) -> int:
        return 0


class StepSize(Projection):
    """d_BLH1 = softplus(projection + bias); the bias starts where steps are log-uniform in [0.001, 0.1]."""

    def __init__(self, name: str, width: int, extent: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, extent, group)
        self.bias_H = parameter(extent.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None) -> Tensor:
        return F.softplus(super().forward(x_BLD, length, store) + self.bias_H.unsqueeze(1))

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            steps = self.bias_H.uniform_(math.log(SHORTEST_STEP), math.log(LONGEST_STEP), generator=generator).exp()
            self.bias_H.copy_(steps.expm1().log())
