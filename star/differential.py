"""Differential operators: y = y1 - lambda y2, from two LIVs of one class with parameters of their own.

STAR's plain difference is lambda = 1; learning it follows Ye et al. 2024 (Differential Transformer).

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from star.features.feature import parameter
from star.liv import LIV, Operator

FIRST_BALANCE = 0.5
"""Initial value of lambda."""


class Differential(Operator):
    """A pair of LIVs and the learned factor of the second; each LIV has features and stores of its own."""

    def __init__(self, first: LIV, second: LIV) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"1": first, "2": second})  # the keys are part of exported weight names
        self.balance = parameter()

    @property
    def livs(self) -> tuple[LIV, ...]:
        return tuple(liv for liv in self.branches.values() if isinstance(liv, LIV))

    def combined(self, outputs_BLD: Sequence[Tensor]) -> Tensor:
        first_BLD, second_BLD = outputs_BLD
        return first_BLD - self.balance * second_BLD

    def initialise(self, generator: Generator) -> None:
        for liv in self.livs:
            liv.initialise(generator)
        with torch.no_grad():
            self.balance.fill_(FIRST_BALANCE)

    def rescale(self, factor: float) -> None:
        for liv in self.livs:
            liv.rescale(factor)

    def flops(self, context: int) -> int:
        return sum(liv.flops(context) + 2 * liv.width for liv in self.livs)
