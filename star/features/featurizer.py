"""All feature groups of one LIV class, each computed by the feature that its digits name.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter
from typing import Any

from torch import Tensor, nn

from genome import FeaturizerGenome, GroupGenome, Heads
from genome.classes.alphabet import Expansion, Generator, Source
from genome.classes.feature_groups import ACTIVATION, BALANCE, CONVOLVED_INPUT, DECOMPRESSION, OUTPUT, ROUTES, SKIP
from genome.classes.quantities import ROUTE_CHOICES
from star.cache import Store
from star.features.attention import Balance, Decompression, NormalisedLatent
from star.features.cell import CellForgetGate, Feedback
from star.features.decay import (
    BoundedDecay,
    Complement,
    FixedDecay,
    ForgetGate,
    GateDecay,
    LogDecay,
    NoDecay,
    RateDecay,
    SoftmaxDecay,
    StepSize,
)
from star.features.feature import Feature
from star.features.filters import DecayingFilter, ExplicitFilter, ImplicitFilter, SineNet, WeakFilter
from star.features.filters_modal import ComplexModalFilter, NormalisedModalFilter, PairFilter, RealModalFilter
from star.features.filters_system import (
    CompanionFilter,
    DenseFilter,
    DiagonalPlusLowRankFilter,
    RationalFilter,
    RationalFilterFromZero,
)
from star.features.ones import Ones
from star.features.output import GatedOutputLayer, OutputGate, OutputLayer, SkipWeight
from star.features.projection import BiasedProjection, ConvolvedInput, Projection, RotatedProjection, TiedValues
from star.features.routed.memories import MemoryDecay, MemoryProjection, MemoryQueries
from star.features.routed.router import Experts, Gate, Router

KINDS: dict[tuple[str, Source, Generator], type[Feature]] = {
    ("c", Source.PROJECTED, Generator.NONE): Projection,
    ("b", Source.PROJECTED, Generator.NONE): Projection,
    ("b", Source.PROJECTED, Generator.COMPLEMENT): Complement,
    ("b", Source.PROJECTED, Generator.LATENT_NORM): NormalisedLatent,
    ("c", Source.PROJECTED, Generator.ROTARY): RotatedProjection,
    ("b", Source.PROJECTED, Generator.ROTARY): RotatedProjection,
    ("v", Source.PROJECTED, Generator.NONE): Projection,
    ("v", Source.PROJECTED, Generator.TIED): TiedValues,
    ("a", Source.CONSTANT, Generator.NONE): LogDecay,
    ("a", Source.CONSTANT, Generator.ZERO): NoDecay,
    ("a", Source.CONSTANT, Generator.FIXED): FixedDecay,
    ("a", Source.PROJECTED, Generator.NONE): GateDecay,
    ("a", Source.PROJECTED, Generator.SOFTMAX): SoftmaxDecay,
    ("a", Source.PROJECTED, Generator.FORGET): ForgetGate,
    ("a", Source.PROJECTED, Generator.RATE): RateDecay,
    ("a", Source.PROJECTED, Generator.BOUNDED): BoundedDecay,
    ("d", Source.PROJECTED, Generator.NONE): StepSize,
    ("d", Source.CONSTANT, Generator.ONES): Ones,
    ("c", Source.CONSTANT, Generator.ONES): Ones,
    ("b", Source.CONSTANT, Generator.ONES): Ones,
    ("h", Source.POSITION, Generator.EXPLICIT_3): ExplicitFilter,
    ("h", Source.POSITION, Generator.EXPLICIT_7): ExplicitFilter,
    ("h", Source.POSITION, Generator.DECAYING_128): DecayingFilter,
    ("h", Source.POSITION, Generator.WEAK_128): WeakFilter,
    ("h", Source.POSITION, Generator.IMPLICIT): ImplicitFilter,
    ("h", Source.POSITION, Generator.SINE_NET): SineNet,
    ("h", Source.POSITION, Generator.REAL_MODAL_16): RealModalFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_16): ComplexModalFilter,
    ("h", Source.POSITION, Generator.NORMALISED_MODAL_16): NormalisedModalFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_2): PairFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_4): ComplexModalFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_8): ComplexModalFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_32): ComplexModalFilter,
    ("h", Source.POSITION, Generator.COMPLEX_MODAL_64): ComplexModalFilter,
    ("h", Source.POSITION, Generator.DPLR_16): DiagonalPlusLowRankFilter,
    ("h", Source.POSITION, Generator.DENSE_16): DenseFilter,
    ("h", Source.POSITION, Generator.COMPANION_16): CompanionFilter,
    ("h", Source.POSITION, Generator.RATIONAL_16): RationalFilter,
    ("h", Source.POSITION, Generator.RATIONAL_ZERO_16): RationalFilterFromZero,
    **{(name, Source.PROJECTED, Generator.BIASED): BiasedProjection for name in "cbv"},
    ("b", Source.CONVOLVED, Generator.NONE): Projection,
    ("b", Source.CONVOLVED, Generator.BIASED): BiasedProjection,
    ("f", Source.CONVOLVED, Generator.NONE): CellForgetGate,
    (CONVOLVED_INPUT, Source.PROJECTED, Generator.NONE): ConvolvedInput,
    ("c", Source.VALUES, Generator.NONE): Projection,
    ("b", Source.VALUES, Generator.NONE): Projection,
    ("d", Source.VALUES, Generator.NONE): StepSize,
    (SKIP, Source.CONSTANT, Generator.NONE): SkipWeight,
    (SKIP, Source.CONSTANT, Generator.ONES): Ones,
    (DECOMPRESSION, Source.CONSTANT, Generator.NONE): Decompression,
    (BALANCE, Source.CONSTANT, Generator.NONE): Balance,
    (OUTPUT, Source.PROJECTED, Generator.NONE): OutputGate,
    (OUTPUT, Source.CONSTANT, Generator.ONES): Ones,
    (ACTIVATION, Source.OUTPUT, Generator.NONE): OutputLayer,
    (ACTIVATION, Source.OUTPUT, Generator.GLU): GatedOutputLayer,
    ("f", Source.PROJECTED, Generator.NONE): CellForgetGate,
    ("m", Source.CONSTANT, Generator.NONE): Feedback,
    **{(ROUTES, Source.PROJECTED, generator): Router for generator in ROUTE_CHOICES},
    (ROUTES, Source.PROJECTED, Generator.GATE): Gate,
}
"""The feature that computes a group, by the name, source and generator of the group."""

KINDS_BY_EXPANSION: dict[Expansion, type[Feature]] = {Expansion.EXPERT: Experts}
"""The feature that computes a group of this expansion; it takes precedence over `KINDS`."""

KINDS_BY_ROUTE: dict[tuple[str, Generator], type[Feature]] = {
    ("c", Generator.NONE): MemoryQueries,
    **{(name, Generator.NONE): MemoryProjection for name in "bdv"},
    ("a", Generator.RATE): MemoryDecay,
}
"""The feature that computes a group for each route, by name and generator."""


INPUTS: dict[Source, tuple[str, ...]] = {
    **dict.fromkeys(Source, ()),
    Source.VALUES: ("v",),
    Source.CONVOLVED: (CONVOLVED_INPUT,),
}
"""The groups that a feature of each source has as its input in place of the layer's."""


class Featurizer(nn.Module):
    """The weights that a genome may share between LIVs.

    Args:
        genome: the digits of all groups.
        head_sizes: heads and channels of each group.
        width: channels of the input.
        groups: the groups that some LIV computes with these weights; other groups get no weights.
        depth: the number of layers before the LIV that owns the weights.
    """

    def __init__(
        self,
        genome: FeaturizerGenome,
        head_sizes: Mapping[str, Heads],
        width: int,
        groups: Collection[str],
        depth: int = 0,
    ) -> None:
        super().__init__()
        self.genome = genome
        self.head_sizes = head_sizes
        self.width = width
        self.depth = depth
        self.groups = nn.ModuleDict()
        for name, group in genome.groups:
            if name in groups:
                kind = _kind(name, group)
                (inputs,) = [head_sizes[one].channels for one in INPUTS[group.source]] or [width]
                self.groups[name] = kind.of(name, inputs, head_sizes, genome)
                self[name].depth = depth
        self._inputs = {name: INPUTS[genome[name].source] for name in self.groups}
        self._needs = {name: self[name].needs for name in self.groups}
        before = {name: (*self._needs[name], *self._inputs[name]) for name in self.groups}
        self.order = tuple(TopologicalSorter(before).static_order())

    def __getitem__(self, name: str) -> Feature:
        feature = self.groups[name]
        assert isinstance(feature, Feature)
        return feature

    def forward(
        self, x_BLD: Tensor, names: Collection[str], store: Store | None, given: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Compute the named groups, each after the groups that it needs.

        Args:
            x_BLD: the input; with a store, the next tokens of a sequence.
            names: the groups to compute.
            store: tensors kept between tokens; None in training.
            given: features that are computed already; a group may need them.
        """
        length = x_BLD.shape[1] + (store.position if store is not None else 0)
        known = dict(given)
        groups = self.groups
        for name in self.order:
            if name in names:
                known[name] = groups[name](*self.arguments(name, x_BLD, length, store, known))
        return {name: known[name] for name in names}

    def arguments(
        self, name: str, x_BLD: Tensor, length: int, store: Store | None, known: Mapping[str, Tensor]
    ) -> tuple[Any, ...]:
        """Return what the feature of this name is called with: its input, and the groups that it needs."""
        inputs = [known[one].flatten(2) for one in self._inputs[name]] or [x_BLD]
        return (*inputs, length, store, *[known[need] for need in self._needs[name]])


def _kind(name: str, group: GroupGenome) -> type[Feature]:
    if group.by_route:
        return KINDS_BY_ROUTE[name, group.generator]
    return KINDS_BY_EXPANSION.get(group.expansion) or KINDS[name, group.source, group.generator]
