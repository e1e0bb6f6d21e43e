"""A model whose structures and features have the form of programs: tables of the forms, by type."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

from star.backbone import Backbone
from star.export.exported import Exported
from star.export.programs import attention, convolutions, features, recurrences, units
from star.features import decay, filters
from star.features.feature import Feature
from star.features.featurizer import Featurizer
from star.features.routed import memories, router
from star.structures import Structure
from star.structures.delta import Delta
from star.structures.diagonal import Diagonal
from star.structures.jagged import Jagged
from star.structures.latent import DecompressedLatent, Latent
from star.structures.low_rank import DifferentialLowRank, LowRank
from star.structures.memory_cell import MemoryCell
from star.structures.outer import Outer
from star.structures.routed.diagonal import RoutedDiagonal
from star.structures.routed.low_rank import RoutedLowRank
from star.structures.routed.memories import Memories
from star.structures.routed.recurrent import RoutedDelta, RoutedSemiSeparable
from star.structures.semi_separable import SemiSeparable
from star.structures.toeplitz import Toeplitz

STRUCTURES: dict[type[Structure], type[Structure]] = {
    Diagonal: Diagonal,
    LowRank: attention.RecordedLowRank,
    DifferentialLowRank: attention.RecordedDifferentialLowRank,
    Latent: attention.RecordedLatent,
    DecompressedLatent: attention.RecordedDecompressedLatent,
    RoutedLowRank: attention.RecordedRoutedLowRank,
    SemiSeparable: recurrences.RecordedSemiSeparable,
    Delta: recurrences.RecordedDelta,
    Jagged: recurrences.RecordedJagged,
    RoutedSemiSeparable: recurrences.RecordedRoutedSemiSeparable,
    RoutedDelta: recurrences.RecordedRoutedDelta,
    Memories: recurrences.RecordedMemories,
    MemoryCell: recurrences.RecordedMemoryCell,
    Toeplitz: convolutions.RecordedToeplitz,
    Outer: convolutions.RecordedOuter,
    RoutedDiagonal: units.RecordedRoutedDiagonal,
}
"""The form of each structure whose steps a graph can hold for any number of tokens."""

FEATURES: dict[type[Feature], Callable[[Feature], Feature]] = {
    decay.SoftmaxDecay: partial(features.recorded, features.RecordedSoftmaxDecay),
    filters.ImplicitFilter: partial(features.recorded, features.RecordedImplicitFilter),
    filters.SineNet: partial(features.recorded, features.RecordedSineNet),
    memories.MemoryProjection: partial(units.recorded_memories, units.RecordedMemoryProjection),
    memories.MemoryDecay: partial(units.recorded_memories, units.RecordedMemoryDecay),
    router.Experts: units.recorded_experts,
}
"""The form of each feature that has another one than in training."""


def refusal(exported: Exported) -> str | None:
    """Say which class has a structure without a form as a program, or return None."""
    livs = [liv for block in exported.model.stack() for liv in block.operator.livs]
    missing = sorted({liv.class_name for liv in livs if type(liv.structure) not in STRUCTURES})
    return f"there is no program of the structure of {', '.join(missing)}" if missing else None


def prepared(model: Backbone) -> Backbone:
    """Return a copy of a model in the form of programs."""
    model = deepcopy(model).eval()
    for block in model.stack():
        for liv in block.operator.livs:
            own = liv.structure
            liv.structure = STRUCTURES[type(own)](own.operator, own.featurizer, own.head_sizes, own.window)
    for module in model.modules():
        if isinstance(module, Featurizer):
            for name in module.groups:
                module.groups[name] = _form(module[name])
    return model.requires_grad_(False)


def _form(feature: Feature) -> Feature:
    if features.is_constant(feature):
        return features.Constant(feature)
    form = FEATURES[type(feature)](feature) if type(feature) in FEATURES else feature
    form.depth = feature.depth
    return form
