"""Feature groups that many rows are put together from."""

from dataclasses import replace

from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Source,
    Sparsity,
)
from genome.classes.operator import GroupGenome

DENSE = GroupGenome()
ITSELF = GroupGenome(channel=ChannelMixing.DIAGONAL)
BLOCKS = GroupGenome(channel=ChannelMixing.GROUPED)
SILU = GroupGenome(nonlinearity=Nonlinearity.SILU)
SHARE = GroupGenome(nonlinearity=Nonlinearity.SIGMOID)
CONVOLVED = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED)
ACTIVATED = replace(CONVOLVED, nonlinearity=Nonlinearity.SILU)
KEY = replace(ACTIVATED, normalisation=Normalisation.L2)
"""Briefly convolved, activated, of unit length."""

LEARNED = GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL)
LEARNED_PER_HEAD = replace(LEARNED, expansion=Expansion.PER_HEAD)
LASTING = replace(LEARNED_PER_HEAD, generator=Generator.ZERO)
"""A decay that forgets nothing."""
PER_HEAD = GroupGenome(expansion=Expansion.PER_HEAD)


def filter_of(generator: Generator) -> tuple[str, GroupGenome]:
    """The group h, a function of the distance."""
    return "h", replace(LEARNED, source=Source.POSITION, generator=generator)


UNIT = replace(LEARNED, generator=Generator.ONES)
NORM = replace(UNIT, normalisation=Normalisation.L2)
NORM_AND_GATE = replace(SILU, normalisation=Normalisation.L2)
"""Of an output: normalised head by head, and then gated or not."""
