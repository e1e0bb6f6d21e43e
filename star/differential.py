"""Differential operators: y = y1 - lambda y2, two copies of one LIV with their own parameters.

STAR's plain difference is lambda = 1; learning it follows Ye et al. 2024 (Differential Transformer).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor, nn

from star.cache import Store
from star.features.feature import parameter
from star.liv import LIV, Operator

FIRST_BALANCE = 0.5


class Differential(Operator):
    """Wraps two LIVs; the names of their features and memories are prefixed `1.` and `2.`."""

    def __init__(self, first: LIV, second: LIV) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({"1": first, "2": second})
        self.balance = parameter()

    def features(
        self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None, store: Store | None = None
    ) -> dict[str, Tensor]:
        return {
            f"{prefix}.{name}": feature
            for prefix, liv in self.livs()
            for name, feature in liv.features(x_BLD, _under(prefix, shared or {}), _branch(store, prefix)).items()
        }

    def mix(self, features: Mapping[str, Tensor], store: Store | None = None) -> Tensor:
        first, second = (liv.mix(_under(prefix, features), _branch(store, prefix)) for prefix, liv in self.livs())
        return first - self.balance * second

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {f"{prefix}.{name}": shape for prefix, liv in self.livs() for name, shape in liv.memory(tokens).items()}

    def livs(self) -> Iterator[tuple[str, LIV]]:
        for prefix, liv in self.branches.items():
            assert isinstance(liv, LIV)
            yield prefix, liv

    def initialise(self, generator: Generator) -> None:
        for _, liv in self.livs():
            liv.initialise(generator)
        with torch.no_grad():
            self.balance.fill_(FIRST_BALANCE)

    def rescale(self, factor: float) -> None:
        for _, liv in self.livs():
            liv.rescale(factor)

    def flops(self, context: int) -> int:
        return sum(liv.flops(context) + 2 * liv.width for _, liv in self.livs())


def _under(prefix: str, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in named.items() if name.startswith(start)}


def _branch(store: Store | None, prefix: str) -> Store | None:
    return None if store is None else store.branch(prefix)
