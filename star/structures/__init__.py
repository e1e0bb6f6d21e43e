"""Structures of the token-mixing matrix T, one file for each."""

from genome import FeaturizerGenome, OperatorGenome
from genome.classes.alphabet import ChannelMixing, Generator, Sparsity, TokenMixing
from genome.classes.feature_groups import BALANCE, DECOMPRESSION
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
from star.structures.structure import Features, Structure
from star.structures.toeplitz import Toeplitz

STRUCTURES: dict[tuple[TokenMixing, Sparsity], type[Structure]] = {
    (TokenMixing.DIAGONAL, Sparsity.NONE): Diagonal,
    (TokenMixing.LOW_RANK, Sparsity.NONE): LowRank,
    (TokenMixing.LOW_RANK, Sparsity.BANDED): LowRank,
    (TokenMixing.TOEPLITZ, Sparsity.NONE): Toeplitz,
    (TokenMixing.TOEPLITZ, Sparsity.BANDED): Toeplitz,
    (TokenMixing.SEMI_SEPARABLE, Sparsity.NONE): SemiSeparable,
    (TokenMixing.SEMI_SEPARABLE, Sparsity.BANDED): Jagged,
    (TokenMixing.DELTA, Sparsity.NONE): Delta,
    (TokenMixing.DELTA, Sparsity.BANDED): Jagged,
    (TokenMixing.MEMORY_CELL, Sparsity.NONE): MemoryCell,
    (TokenMixing.DIAGONAL, Sparsity.ROUTED): RoutedDiagonal,
    (TokenMixing.LOW_RANK, Sparsity.ROUTED): RoutedLowRank,
    (TokenMixing.SEMI_SEPARABLE, Sparsity.ROUTED): RoutedSemiSeparable,
    (TokenMixing.DELTA, Sparsity.ROUTED): RoutedDelta,
}
"""The structure for each pair of token-mixing and sparsity digits that `genome.classes.choices.SPARSITIES` allows."""

LATENT: dict[type[Structure], type[Structure]] = {LowRank: Latent}
"""The structure that replaces another if values are tied to keys."""

WITH_GROUP: dict[tuple[type[Structure], str], type[Structure]] = {
    (Latent, DECOMPRESSION): DecompressedLatent,
    (LowRank, BALANCE): DifferentialLowRank,
}
"""The structure that replaces another if the featurizer has this optional group."""

BY_ROUTE: dict[type[Structure], type[Structure]] = {RoutedDelta: Memories}
"""The structure that replaces another if each route projects values of its own."""

OUTER: dict[type[Structure], type[Structure]] = {Toeplitz: Outer}
"""The structure that replaces another if its channel mixing is OUTER."""


def structure_of(operator: OperatorGenome, featurizer: FeaturizerGenome) -> type[Structure]:
    """Return the structure of an operator with these digits."""
    kind = STRUCTURES[operator.token_mixing, operator.sparsity]
    if featurizer["v"].generator is Generator.TIED:
        kind = LATENT[kind]
    if featurizer["v"].by_route:
        kind = BY_ROUTE[kind]
    for name in featurizer.names:
        kind = WITH_GROUP.get((kind, name), kind)
    return OUTER[kind] if operator.channel_mixing is ChannelMixing.OUTER else kind


__all__ = ["STRUCTURES", "Features", "Structure", "structure_of"]
