"""Rules that every class must satisfy. A class that breaks none of them can be built."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from genome.classes.alphabet import ChannelMixing, FeatureTokenMixing, Nonlinearity, Sparsity
from genome.classes.choices import (
    CHANNEL_MIXINGS,
    FEATURE_CHANNELS,
    GENERATORS,
    NONLINEARITIES,
    SPARSITIES,
    channels,
    expansions,
    feature_nonlinearities,
    repeats,
    sources,
    token_mixings,
)
from genome.classes.feature_groups import OPTIONAL
from genome.classes.operator import FeaturizerGenome, GroupGenome, OperatorGenome
from genome.classes.rule import Rule, choice
from genome.classes.rules_across_groups import RULES_ACROSS_GROUPS
from genome.classes.rules_of_attention import ATTENTION_RULES
from genome.classes.rules_of_normalisation import NORMALISATION_RULES
from genome.classes.rules_of_routes import ROUTE_RULES

CHECKED = 2**14
"""Classes whose check is remembered: a search and the pages about it read the same ones again and again."""


@lru_cache(maxsize=CHECKED)
def illegal(operator: OperatorGenome, featurizer: FeaturizerGenome) -> str | None:
    """Return the first reason why this operator cannot be built, as a sentence, or None if it can be built."""
    return next(_violations(operator, featurizer), None)


def reasons(operator: OperatorGenome, featurizer: FeaturizerGenome) -> list[str]:
    """List every broken rule; the featurizer must have the groups that the operator mixes, each of a legal source."""
    return list(_violations(operator, featurizer))


def _violations(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    for rule in RULES:
        yield from rule(operator, featurizer)


def _groups(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    wanted = operator.groups
    if set(featurizer.names) - set(OPTIONAL[operator.token_mixing]) != set(wanted):
        yield (
            f"{operator.token_mixing.name.lower()} ({operator.sparsity.name.lower()}) mixes the feature groups "
            f"{', '.join(wanted)}; "
            f"featurizer {featurizer.id} computes {', '.join(featurizer.names)}"
        )


def _operator_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    structure = operator.token_mixing
    yield from choice(structure.name.lower(), "sparsity", operator.sparsity, SPARSITIES[structure])
    yield from choice(structure.name.lower(), "nonlinearity", operator.nonlinearity, NONLINEARITIES[structure])
    mixings = CHANNEL_MIXINGS[structure]
    yield from choice(structure.name.lower(), "channel mixing", operator.channel_mixing, mixings)


def _group_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    for name, group in featurizer.groups:
        where = f"featurizer {featurizer.id}, group {name}"
        yield from choice(where, "source", group.source, sources(name))
        yield from choice(where, "generator", group.generator, GENERATORS[name, group.source])
        yield from choice(where, "channel mixing", group.channel, FEATURE_CHANNELS)
        under = f"{where} of rows that are normalised" if operator.nonlinearity is Nonlinearity.NORMALISED else where
        legal = feature_nonlinearities(operator, name)
        yield from choice(under, "nonlinearity", group.nonlinearity, legal)
        yield from choice(where, "expansion", group.expansion, expansions(operator, name))
        yield from choice(where, "repeat", group.repeat, repeats(operator, name))
        yield from _projection(where, name, group)


def _projection(where: str, name: str, group: GroupGenome) -> Iterator[str]:
    if not group.constant:
        yield from choice(where, "token mixing", group.token, token_mixings(name))
    convolved = group.token is not FeatureTokenMixing.NONE
    if group.sparsity not in ((Sparsity.BANDED, Sparsity.ROUTED) if convolved else (Sparsity.NONE,)):
        yield (
            f"{where}: a feature's convolution is short: token mixing 2 to 5 goes with sparsity 2 (banded), "
            "or with 3 (routed) over the tokens of each route, and 1 with 1"
        )
    if group.constant and group.token is not FeatureTokenMixing.NONE:
        yield f"{where}: only a feature projected from the input can be convolved over tokens"
    if group.constant and group.nonlinearity is not Nonlinearity.NONE:
        yield f"{where}: a feature that is not projected has nonlinearity 1 (none), not {group.nonlinearity.value}"
    if group.constant and group.channel is not ChannelMixing.DIAGONAL:
        yield f"{where}: a feature that is not projected has channel mixing 1 (diagonal), not {group.channel.value}"
    if not group.constant and group.channel is not ChannelMixing.ROUTED:
        yield from choice(where, "channel mixing", group.channel, channels(name, group.expansion, group.repeat))


RULES: tuple[Rule, ...] = (
    _groups,
    _operator_digits,
    _group_digits,
    *NORMALISATION_RULES,
    *RULES_ACROSS_GROUPS,
    *ATTENTION_RULES,
    *ROUTE_RULES,
)
