"""Rules about normalised rows of T, normalised features and normalised outputs."""

from __future__ import annotations

from collections.abc import Iterator

from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    Nonlinearity,
    Normalisation,
    Source,
)
from genome.classes.choices import feature_nonlinearities, normalisations
from genome.classes.feature_groups import OUTPUT
from genome.classes.operator import FeaturizerGenome, OperatorGenome
from genome.classes.rule import Rule, choice


def _weights(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Steps of a row that is divided by its sum count against each other alone: very small ones leave only noise."""
    if operator.nonlinearity is not Nonlinearity.NORMALISED:
        return
    for name, group in featurizer.groups:
        if name == "d" and group.source is Source.PROJECTED:
            where = f"featurizer {featurizer.id}, group d of rows that are normalised"
            yield from choice(where, "nonlinearity", group.nonlinearity, (Nonlinearity.SIGMOID,))


def _cancelled(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A query of one channel multiplies a whole row, and what divides it by its sum takes the query out again."""
    if operator.nonlinearity is not Nonlinearity.NORMALISED or operator.channel_mixing is not ChannelMixing.DIAGONAL:
        return
    if featurizer["c"].expansion is Expansion.SAME:
        where = f"featurizer {featurizer.id}, group c of rows that are normalised"
        yield f"{where}: a query of one channel (channel mixing 1, expansion 1) cancels out; use channel mixing 2 or 3"


def _normalised(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Queries, keys and outputs may be normalised; of a single channel that leaves the sign, which has no gradient."""
    for name, group in featurizer.groups:
        if group.normalisation is Normalisation.NONE:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if group.normalisation not in normalisations(operator, name):
            yield f"{where}: only queries, keys (c and b of token mixing 2, 4 and 5) and outputs are normalised; use 1"
        if operator.channel_mixing is ChannelMixing.DIAGONAL and group.expansion is Expansion.SAME:
            yield f"{where}: heads of one channel (channel mixing 1) cannot be normalised; use 1"


def _rectified(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Two rectified channels are nothing for a quarter of all tokens: what has no direction has no unit length."""
    for name, group in featurizer.groups:
        if group.normalisation is not Normalisation.NONE and group.expansion is Expansion.STATE_2:
            where = f"featurizer {featurizer.id}, group {name} of two channels that are normalised"
            legal = tuple(one for one in feature_nonlinearities(operator, name) if one is not Nonlinearity.RELU)
            yield from choice(where, "nonlinearity", group.nonlinearity, legal)


def _output(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A gate of ones that normalises nothing would be no group at all."""
    if OUTPUT not in featurizer.names:
        return
    where, gate = f"featurizer {featurizer.id}, group {OUTPUT}", featurizer[OUTPUT]
    if gate.source is Source.CONSTANT and gate.normalisation is Normalisation.NONE:
        yield f"{where}: a gate of ones (generator 6) is there to normalise: its normalisation must be 2"


NORMALISATION_RULES: tuple[Rule, ...] = (
    _weights,
    _cancelled,
    _normalised,
    _rectified,
    _output,
)
