"""Differential operators: y = y1 - lambda y2, from two LIVs of one class with parameters of their own.

STAR's plain difference is lambda = 1; learning it follows Ye et al. 2024 (Differential Transformer).

B batch, L tokens, D model width, C channels of the output of one LIV or of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn

from star.features.feature import parameter
from star.features.pair import FeaturePair, halved
from star.liv import LIV, Features, Operator, Part

FIRST_BALANCE = 0.5
"""Initial value of lambda."""


class Differential(Operator):
    """A pair of LIVs and the learned factor of the second; each LIV has features and stores of its own.

    A whole sequence is computed as one operator with the heads of both, where the structure allows it.
    """

    def __init__(self, first: LIV, second: LIV) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"1": first, "2": second})  # the keys are part of exported weight names
        self.balance = parameter()
        self._pair = _Pair(self)

    @property
    def livs(self) -> tuple[LIV, ...]:
        return tuple(liv for liv in self.branches.values() if isinstance(liv, LIV))

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self._pair,) if self.livs[0].pairs_on(self.balance.device) else self.livs

    @property
    def unshared(self) -> tuple[Part, ...]:
        paired = len(self.parts) == 1
        return self.parts if paired else tuple(part for liv in self.livs for part in liv.unshared)

    def apart(self, features: Features) -> Features:
        if len(features) == len(self.livs):
            return features
        return halved(features[0])

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


class _Pair:
    """Both LIVs of a differential operator as one: heads stand side by side, and one projection takes the difference.

    y = [y1 y2] [O1, -lambda O2]^T = y1 O1^T - lambda y2 O2^T, with the output projections O.
    """

    def __init__(self, operator: Differential) -> None:
        self._operator = operator
        first, second = operator.livs
        self._featurizer = FeaturePair(first.featurizer, second.featurizer)
        self._structure = first.structure.doubled()

    def features(self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        given, first = shared or {}, self._operator.livs[0]
        missing = tuple(name for name in first.computes if name not in given)
        return {**given, **self._featurizer(x_BLD, missing, given)}

    def mix(self, features: Mapping[str, Tensor]) -> Tensor:
        first, second = self._operator.livs
        out_DC = torch.cat([first.out_DC, -self._operator.balance * second.out_DC], dim=1)
        return first.projected(self._structure.fast(features), features, out_DC)
