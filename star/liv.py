"""LIV: a linear input-varying operator, y = T(x) x, built from the parts that its digits name.

B batch, L tokens, D model width, H heads, V value channels per head, C = H V; the output projection of M experts is
(M, D, C) with the channels C of one expert.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from genome import Heads, Placement, Shape
from genome.classes.alphabet import Normalisation
from genome.classes.feature_groups import ACTIVATION, OUTPUT, SKIP
from star.cache import Store
from star.features import Featurizer
from star.features.feature import parameter
from star.features.output import activated, gated
from star.structures import Structure, structure_of
from star.units import Units

GATE_FLOPS = {
    Normalisation.NONE: 1,
    **dict.fromkeys((Normalisation.L2, Normalisation.WHOLE, Normalisation.GATED, Normalisation.GROUP), 5),
}
"""FLOPs for each output channel: one to gate it; with normalisation also to square, sum and scale it."""

SKIP_FLOPS = 2
"""FLOPs for each output channel to weight and add a value."""

Features = tuple[dict[str, Tensor], ...]
"""The feature groups of an operator: one mapping from names to tensors for each LIV, or for each part."""


class Part(Protocol):
    """A part of an operator that computes whole sequences, for training: a LIV, or a pair of LIVs as one."""

    def features(self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Return all feature groups by name: the groups in `shared` unchanged, the others computed from x_BLD."""

    def mix(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return y_BLD by the training form."""


class Operator(nn.Module):
    """Token mixing of one block: one LIV, or a differential pair of LIVs that see the same input."""

    @property
    @abstractmethod
    def livs(self) -> tuple[LIV, ...]:
        """The LIVs of this operator, in the order in which features and stores are listed."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The parts that compute whole sequences: one for all LIVs together, or the LIVs."""

    @property
    def unshared(self) -> tuple[Part, ...]:
        """The parts where nobody else reads the features, which need not be those of `parts`."""
        return self.parts

    @abstractmethod
    def apart(self, features: Features) -> Features:
        """Return the features of each LIV from those of each part."""

    @abstractmethod
    def combined(self, outputs_BLD: Sequence[Tensor]) -> Tensor:
        """Return y_BLD from the output of each LIV."""

    def mix_parts(self, features: Sequence[Mapping[str, Tensor]], parts: Sequence[Part]) -> Tensor:
        """Return y_BLD by the training form from the features of each of these parts."""
        outputs = [part.mix(groups) for part, groups in zip(parts, features, strict=True)]
        return outputs[0] if len(outputs) == 1 else self.combined(outputs)

    def forward(self, x_BLD: Tensor, stores: Sequence[Store] | None = None) -> Tensor:
        """Return y_BLD; with one store for each LIV, x_BLD are the next tokens of a sequence."""
        if stores is None:
            return self.mix_parts([part.features(x_BLD) for part in self.unshared], self.unshared)
        livs = zip(self.livs, stores, strict=True)
        return self.combined([liv.mix(liv.features(x_BLD, None, store), store) for liv, store in livs])

    @abstractmethod
    def initialise(self, generator: Generator) -> None:
        """Draw the weights of this operator other than its featurizers' weights."""

    @abstractmethod
    def rescale(self, factor: float) -> None:
        """Multiply the output by a constant, once, in the output projection."""

    @abstractmethod
    def flops(self, context: int) -> int:
        """Count the FLOPs to decode one token at this position; a multiply-add counts as two."""


class LIV(Operator):
    """One operator: a featurizer, a structure, and a projection back to the model width.

    `features(x, shared)` is the part that a genome may share between layers; `mix(features)` is y = T v, projected
    back to the model width. With a store, both treat x as the next tokens of a sequence.
    """

    decaying = ("out_DC",)

    def __init__(self, placement: Placement, computes: tuple[str, ...], shape: Shape, featurizer: Featurizer) -> None:
        super().__init__()
        liv_class = placement.liv_class
        self.computes = computes
        self.featurizer = featurizer
        self.structure: Structure = _structure(placement, featurizer.head_sizes, shape.window)
        self.width = shape.width
        self.out_DC = parameter(*self.structure.out_sizes(shape.width))
        self.class_name = liv_class.name
        groups = dict(placement.featurizer.groups)
        self.skips = SKIP in groups
        self.output = groups.get(OUTPUT)
        self.activation = groups.get(ACTIVATION)

    @property
    def livs(self) -> tuple[LIV, ...]:
        return (self,)

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self,)

    @property
    def unshared(self) -> tuple[Part, ...]:
        return (Units(self.featurizer, self.structure, self.out_DC),) if self._of_units else (self,)

    @property
    def _of_units(self) -> bool:
        """Whether the whole LIV is a mixture of units that no other LIV has a part of."""
        return self.structure.of_units and self.output is None and set(self.computes) >= set(self.structure.groups)

    def apart(self, features: Features) -> Features:
        return features

    def combined(self, outputs_BLD: Sequence[Tensor]) -> Tensor:
        (y_BLD,) = outputs_BLD
        return y_BLD

    def features(
        self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None, store: Store | None = None
    ) -> dict[str, Tensor]:
        """Return all feature groups by name: the groups in `shared` unchanged, the others computed from x_BLD."""
        given = shared or {}
        missing = tuple(name for name in self.computes if name not in given)
        return {**given, **self.featurizer(x_BLD, missing, store, given)}

    def mixed_groups(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Select the features that the structure mixes, which leaves out the output gate."""
        return {name: features[name] for name in self.structure.groups}

    def mix(self, features: Mapping[str, Tensor], store: Store | None = None) -> Tensor:
        """Return y_BLD: without a store by the training form, with a store by the decoding form."""
        y_BLHV = self.structure.fast(features) if store is None else self.structure.step(features, store)
        return self.projected(y_BLHV, features, self.out_DC)

    def projected(self, y_BLHV: Tensor, features: Mapping[str, Tensor], out_DC: Tensor) -> Tensor:
        """Project the output of the structure to the model width, after the optional groups of the class."""
        return self.onto_width(self.finished(y_BLHV, features), features, out_DC)

    def finished(self, y_BLHV: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Add weighted values to the output of the structure, and normalise and gate it, where the class does so."""
        y_BLHV = self.with_values(y_BLHV, features)
        if self.output is None:
            return y_BLHV
        heads = self.structure.channels // y_BLHV.shape[3]
        return gated(y_BLHV, features[OUTPUT], self.output.normalisation, heads)

    def with_values(self, y_BLHV: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Add the weighted values to the output of the structure if the class has a skip."""
        return y_BLHV + features[SKIP] * features["v"] if self.skips else y_BLHV

    def onto_width(self, y_BLHV: Tensor, features: Mapping[str, Tensor], out_DC: Tensor) -> Tensor:
        """Project a gated output to the model width, activated if the class has an activation."""
        if self.activation is not None:
            return activated(y_BLHV, features[ACTIVATION], out_DC, self.activation.nonlinearity)
        return self.structure.project(y_BLHV, features, out_DC)

    def pairs_on(self, device: torch.device) -> bool:
        """Return whether two such LIVs are computed as one on this device; an activation works on each output alone."""
        return self.activation is None and self.structure.pairs_on(device)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shape, without the batch, of every tensor kept after this many tokens if none is shared."""
        kept = self.structure.memory(tokens)
        for name in self.computes:
            kept.update(self.featurizer[name].memory())
        return kept

    def initialise(self, generator: Generator) -> None:
        nn.init.normal_(self.out_DC, std=self.out_DC.shape[-1] ** -0.5, generator=generator)

    def rescale(self, factor: float) -> None:
        with torch.no_grad():
            self.out_DC.mul_(factor)

    def flops(self, context: int) -> int:
        features = sum(self.featurizer[name].flops() for name in self.computes)
        features += SKIP_FLOPS * self.structure.channels * self.skips
        features += GATE_FLOPS[self.output.normalisation] * self.structure.channels if self.output is not None else 0
        return features + self.structure.flops(context) + 2 * self.width * self.structure.channels


def _structure(placement: Placement, head_sizes: Mapping[str, Heads], window: int) -> Structure:
    operator, featurizer = placement.liv_class.operator, placement.featurizer
    return structure_of(operator, featurizer)(operator, featurizer, head_sizes, window)
