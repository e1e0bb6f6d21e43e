"""Feature groups that several rows of the catalogue use."""

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
from genome.classes.operator import FeaturizerGenome, GroupGenome

DENSE = GroupGenome()
DIAGONAL = GroupGenome(channel=ChannelMixing.DIAGONAL)
BLOCKS = GroupGenome(channel=ChannelMixing.GROUPED)
SILU = GroupGenome(nonlinearity=Nonlinearity.SILU)
SIGMOID = GroupGenome(nonlinearity=Nonlinearity.SIGMOID)
CONVOLVED = GroupGenome(token=FeatureTokenMixing.TOEPLITZ, sparsity=Sparsity.BANDED)
ACTIVATED = replace(CONVOLVED, nonlinearity=Nonlinearity.SILU)
KEY = replace(ACTIVATED, normalisation=Normalisation.L2)
"""Keys with a short convolution, SiLU and unit length."""

LEARNED = GroupGenome(source=Source.CONSTANT, channel=ChannelMixing.DIAGONAL)
LEARNED_PER_HEAD = replace(LEARNED, expansion=Expansion.PER_HEAD)
NO_DECAY = replace(LEARNED_PER_HEAD, generator=Generator.ZERO)
"""A log decay of zero: the state forgets nothing."""
PER_HEAD = GroupGenome(expansion=Expansion.PER_HEAD)


def filter_of(generator: Generator) -> tuple[str, GroupGenome]:
    """Make the group h, a function of the distance, with this generator."""
    return "h", replace(LEARNED, source=Source.POSITION, generator=generator)


UNIT = replace(LEARNED, generator=Generator.ONES)
NORM = replace(UNIT, normalisation=Normalisation.L2)
NORM_AND_GATE = replace(SILU, normalisation=Normalisation.L2)
"""Output gates that normalise the output head by head: `NORM` without a gate, `NORM_AND_GATE` with a SiLU gate."""


def recurrence(number: int, **groups: GroupGenome) -> FeaturizerGenome:
    """Make a featurizer of these groups, given in the order of `GROUP_MEANING`."""
    return FeaturizerGenome(number, tuple(groups.items()))
