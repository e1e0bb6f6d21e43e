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
from genome.classes.quantities import LEAST_NORMALISED
from genome.classes.rule import Rule, choice


def _normalised_steps(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A normalised row depends on the ratios of its steps alone; rounding dominates the ratios of very small steps."""
    if operator.nonlinearity is not Nonlinearity.NORMALISED:
        return
    for name, group in featurizer.groups:
        if name == "d" and not group.constant:
            where = f"featurizer {featurizer.id}, group d of rows that are normalised"
            yield from choice(where, "nonlinearity", group.nonlinearity, (Nonlinearity.SIGMOID,))


def _one_channel_queries(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A one-channel query scales its whole row of T, so dividing by the row sum cancels it."""
    if operator.nonlinearity is not Nonlinearity.NORMALISED or operator.channel_mixing is not ChannelMixing.DIAGONAL:
        return
    if featurizer["c"].expansion is Expansion.SAME:
        where = f"featurizer {featurizer.id}, group c of rows that are normalised"
        yield f"{where}: a query of one channel (channel mixing 1, expansion 1) cancels out; use channel mixing 2 or 3"


def _normalised_groups(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Only queries, keys and outputs are normalised. A normalised single channel is its sign, which has no gradient."""
    for name, group in featurizer.groups:
        if group.normalisation is Normalisation.NONE:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if group.normalisation not in normalisations(operator, name):
            yield f"{where}: only queries, keys (c and b of token mixing 2, 4 and 5) and outputs are normalised; use 1"
        one_channel = operator.channel_mixing is ChannelMixing.DIAGONAL and group.expansion is Expansion.SAME
        if one_channel and group.normalisation in LEAST_NORMALISED:
            yield f"{where}: heads of one channel (channel mixing 1) cannot be normalised; use 1"


def _two_rectified_channels(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """ReLU zeroes both of two channels for about a quarter of tokens; a zero vector cannot be normalised."""
    for name, group in featurizer.groups:
        if group.normalisation is Normalisation.L2 and group.expansion is Expansion.STATE_2:
            where = f"featurizer {featurizer.id}, group {name} of two channels that are normalised"
            legal = tuple(one for one in feature_nonlinearities(operator, name) if one is not Nonlinearity.RELU)
            yield from choice(where, "nonlinearity", group.nonlinearity, legal)


def _unit_output_gate(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A gate of ones without normalisation would compute nothing, and gating before it would change nothing."""
    if OUTPUT not in featurizer.names:
        return
    where, gate = f"featurizer {featurizer.id}, group {OUTPUT}", featurizer[OUTPUT]
    if gate.source is Source.CONSTANT and gate.normalisation in (Normalisation.NONE, Normalisation.GATED):
        yield f"{where}: a gate of ones (generator 6) only normalises the output: its normalisation must be 2 or 3"


NORMALISATION_RULES: tuple[Rule, ...] = (
    _normalised_steps,
    _one_channel_queries,
    _normalised_groups,
    _two_rectified_channels,
    _unit_output_gate,
)
