"""The digits of optional groups that are added to a featurizer, and of the groups that they need."""

from __future__ import annotations

from typing import Any

from genome.classes.alphabet import ChannelMixing, Expansion, FeatureTokenMixing, Nonlinearity, Source, Sparsity
from genome.classes.feature_groups import ACTIVATION, BALANCE, CONVOLVED_INPUT, DECOMPRESSION, OUTPUT, SKIP
from genome.classes.operator import GroupGenome

ADDED = {
    CONVOLVED_INPUT: GroupGenome(
        channel=ChannelMixing.DIAGONAL,
        token=FeatureTokenMixing.BIASED,
        sparsity=Sparsity.BANDED,
        nonlinearity=Nonlinearity.SILU,
    ),
    DECOMPRESSION: GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL),
    BALANCE: GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL, expansion=Expansion.PAIRED),
    SKIP: GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL),
    OUTPUT: GroupGenome(),
    ACTIVATION: GroupGenome(source=Source.OUTPUT, nonlinearity=Nonlinearity.GELU),
}
"""The digits with which an optional group is first added to a featurizer."""

FITTING = {DECOMPRESSION: Expansion.LATENT, BALANCE: Expansion.SAME}
"""The expansion of queries and keys beside which alone an optional group is legal; others are legal beside all."""

BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    BALANCE: {"v": {"expansion": Expansion.PAIRED}},
    CONVOLVED_INPUT: {name: {"source": Source.CONVOLVED} for name in "bf"},
}
"""The digits of other groups with which an optional group is added; they become the default where it is removed."""
