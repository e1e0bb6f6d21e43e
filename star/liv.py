"""LIV: a linear input-varying operator, y = T(x) x, built from the parts its digits name.

B batch, L tokens, D model width, C channels of y (or (M, D, C) for M experts).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor, nn

from genome import Placement, Shape
from genome.classes.alphabet import OUTPUT, Normalisation
from star.cache import Store
from star.features import Featurizer
from star.features.feature import parameter
from star.features.output import gated
from star.structures import Structure, structure_of

GATE_FLOPS = {Normalisation.NONE: 1, Normalisation.L2: 5}
"""To gate a channel of the output; to square, sum, scale and gate it."""


class Operator(nn.Module):
    """What a LIV and a differential pair of LIVs have in common: features apart from mixing.

    `features(x, shared)` is the part a genome may share between layers; `mix(features)` is y = T v, projected
    back to the model width. With a store, both treat x as the next tokens of a sequence.
    """

    @abstractmethod
    def features(
        self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None, store: Store | None = None
    ) -> dict[str, Tensor]:
        """Feature groups by name: those in `shared` as they are, the others computed from x."""

    @abstractmethod
    def mix(self, features: Mapping[str, Tensor], store: Store | None = None) -> Tensor:
        """y_BLD from features; the training form without a store, the decoding form with one."""

    def forward(self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None, store: Store | None = None) -> Tensor:
        return self.mix(self.features(x_BLD, shared, store), store)

    @abstractmethod
    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Shapes, batch left out, of everything kept after so many tokens, were nothing lent."""

    @abstractmethod
    def livs(self) -> Iterator[tuple[str, LIV]]:
        """The LIVs inside with the prefix of their names in features and stores."""

    def parts(self, features: Mapping[str, Tensor]) -> Iterator[tuple[str, LIV, dict[str, Tensor]]]:
        """Each LIV inside, what its names begin with ("1." or nothing), and the features that its structure mixes."""
        for prefix, liv in self.livs():
            start = f"{prefix}." if prefix else ""
            yield start, liv, {name: features[start + name] for name in liv.structure.groups}

    @abstractmethod
    def initialise(self, generator: Generator) -> None:
        """Draw the weights of this operator other than those of its featurizers."""

    @abstractmethod
    def rescale(self, factor: float) -> None:
        """Multiply the output by a constant, once, in the output projection."""

    @abstractmethod
    def flops(self, context: int) -> int:
        """Multiply-adds, counted as two, to decode one token at this position."""


class LIV(Operator):
    """One operator: a featurizer, a structure, and a projection back to the model width."""

    decaying = ("out_DC",)

    def __init__(self, placement: Placement, computes: tuple[str, ...], shape: Shape, featurizer: Featurizer) -> None:
        super().__init__()
        liv_class = placement.liv_class
        self.computes = computes
        self.featurizer = featurizer
        self.structure: Structure = _structure(placement, shape)
        self.width = shape.width
        self.out_DC = parameter(*self.structure.out_sizes(shape.width))
        self.label = liv_class.name
        self.output = dict(placement.featurizer.groups).get(OUTPUT)

    def features(
        self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None, store: Store | None = None
    ) -> dict[str, Tensor]:
        given = shared or {}
        missing = tuple(name for name in self.computes if name not in given)
        return {**given, **self.featurizer(x_BLD, missing, store, given)}

    def mix(self, features: Mapping[str, Tensor], store: Store | None = None) -> Tensor:
        y_BLHV = self.structure.fast(features) if store is None else self.structure.step(features, store)
        if self.output is not None:
            y_BLHV = gated(y_BLHV, features[OUTPUT], self.output.normalisation)
        return self.structure.project(y_BLHV, features, self.out_DC)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        kept = self.structure.memory(tokens)
        for name in self.computes:
            kept.update(self.featurizer[name].memory())
        return kept

    def livs(self) -> Iterator[tuple[str, LIV]]:
        yield "", self

    def initialise(self, generator: Generator) -> None:
        nn.init.normal_(self.out_DC, std=self.out_DC.shape[-1] ** -0.5, generator=generator)

    def rescale(self, factor: float) -> None:
        with torch.no_grad():
            self.out_DC.mul_(factor)

    def flops(self, context: int) -> int:
        features = sum(self.featurizer[name].flops() for name in self.computes)
        features += GATE_FLOPS[self.output.normalisation] * self.structure.channels if self.output is not None else 0
        return features + self.structure.flops(context) + 2 * self.width * self.structure.channels


def _structure(placement: Placement, shape: Shape) -> Structure:
    operator, featurizer = placement.liv_class.operator, placement.featurizer
    extents = shape.groups(placement.liv_class, featurizer)
    return structure_of(operator, featurizer)(operator, featurizer, extents, shape.window)
