"""Which digits may stand together. What cannot be built is refused here, by a stated rule, never by a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from genome.alphabet import (
    STATE_SIZES,
    TAPS,
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Generator,
    Nonlinearity,
    Normalisation,
    Repeat,
    Source,
    Sparsity,
    TokenMixing,
)
from genome.operator import FeaturizerGenome, GroupGenome, OperatorGenome

Rule = Callable[[OperatorGenome, FeaturizerGenome], Iterator[str]]

_PLAIN = (Nonlinearity.NONE, Nonlinearity.RELU, Nonlinearity.SILU)
_FEATURE_MAPS = (*_PLAIN, Nonlinearity.ELU)
_RECURRENT = (TokenMixing.SEMI_SEPARABLE, TokenMixing.DELTA)

SPARSITIES = {
    TokenMixing.DIAGONAL: (Sparsity.NONE,),
    TokenMixing.LOW_RANK: (Sparsity.NONE, Sparsity.BANDED),
    TokenMixing.TOEPLITZ: (Sparsity.NONE,),
    TokenMixing.SEMI_SEPARABLE: (Sparsity.NONE, Sparsity.BANDED),
    TokenMixing.DELTA: (Sparsity.NONE, Sparsity.BANDED),
}
"""The sparsities each structure can be built with; a structure that were reserved would have none."""

NONLINEARITIES = {
    TokenMixing.DIAGONAL: _PLAIN,
    TokenMixing.LOW_RANK: (Nonlinearity.SOFTMAX,),
    TokenMixing.TOEPLITZ: (Nonlinearity.NONE,),
    TokenMixing.SEMI_SEPARABLE: (Nonlinearity.NONE, Nonlinearity.NORMALISED),
    TokenMixing.DELTA: (Nonlinearity.NONE,),
}

GENERATORS: dict[tuple[str, Source], tuple[Generator, ...]] = {
    ("c", Source.PROJECTED): (Generator.NONE,),
    ("b", Source.PROJECTED): (Generator.NONE, Generator.COMPLEMENT),
    ("v", Source.PROJECTED): (Generator.NONE,),
    ("d", Source.PROJECTED): (Generator.NONE,),
    ("d", Source.CONSTANT): (Generator.ONES,),
    ("a", Source.CONSTANT): (Generator.NONE, Generator.ZERO, Generator.FIXED),
    ("a", Source.PROJECTED): (Generator.NONE, Generator.SOFTMAX, Generator.FORGET),
    ("c", Source.CONSTANT): (Generator.ONES,),
    ("b", Source.CONSTANT): (Generator.ONES,),
    ("h", Source.POSITION): tuple(TAPS),
}
"""Where a group may come from, and how it may be written down. A new kind of feature is a new entry."""

FEATURE_NONLINEARITIES = {
    **dict.fromkeys("cv", _FEATURE_MAPS),
    "b": (*_FEATURE_MAPS, Nonlinearity.SIGMOID),
    "d": (Nonlinearity.NONE, Nonlinearity.SIGMOID),
}
"""Other groups have a nonlinearity of their own and take no other: digit 1. Steps are softplus by default."""

EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.SAME, Expansion.MLP)),
    TokenMixing.LOW_RANK: {},
    TokenMixing.TOEPLITZ: {},
    TokenMixing.SEMI_SEPARABLE: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES))
    | {"a": (Expansion.SAME, *STATE_SIZES, Expansion.PER_HEAD)},
    TokenMixing.DELTA: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES)) | {"a": (Expansion.PER_HEAD,)},
}
"""Expansions beside 1 (as the input), where there is a choice."""

POSITIVE = dict.fromkeys("cb", (Nonlinearity.ELU,))
"""The nonlinearities of groups whose products, being divided by their sum, must be above zero."""

REPEATS: dict[TokenMixing, dict[str, tuple[Repeat, ...]]] = {
    TokenMixing.LOW_RANK: dict.fromkeys("bv", (Repeat.ALL, Repeat.ONE, Repeat.TWO, Repeat.FOUR)),
    TokenMixing.SEMI_SEPARABLE: {"a": (Repeat.ONE, Repeat.SIXTEEN)},
}
"""The groups whose heads may be shared by several heads."""


def feature_nonlinearities(operator: OperatorGenome, name: str) -> tuple[Nonlinearity, ...]:
    """Those that a feature group of this operator may have."""
    legal = FEATURE_NONLINEARITIES.get(name, (Nonlinearity.NONE,))
    return POSITIVE.get(name, legal) if operator.nonlinearity is Nonlinearity.NORMALISED else legal


def illegal(operator: OperatorGenome, featurizer: FeaturizerGenome) -> str | None:
    """Why this operator cannot be built, as a sentence, or None when it can."""
    return _first(RULES, operator, featurizer)


def illegal_group(operator: OperatorGenome, name: str, group: GroupGenome) -> str | None:
    """Why no featurizer of this operator can have this group, whatever its others are, or None when one can."""
    return _first(GROUP_RULES, operator, FeaturizerGenome(operator.featurizer, ((name, group),)))


def _first(rules: tuple[Rule, ...], operator: OperatorGenome, featurizer: FeaturizerGenome) -> str | None:
    return next((reason for rule in rules for reason in rule(operator, featurizer)), None)


def _groups(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    wanted = operator.groups
    if set(featurizer.names) != set(wanted):
        yield (
            f"{operator.token_mixing.name.lower()} ({operator.sparsity.name.lower()}) mixes the feature groups "
            f"{', '.join(wanted)}; "
            f"featurizer {featurizer.id} computes {', '.join(featurizer.names)}"
        )


def _operator_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    structure = operator.token_mixing
    yield from _choice(structure.name.lower(), "sparsity", operator.sparsity, SPARSITIES[structure])
    yield from _choice(structure.name.lower(), "nonlinearity", operator.nonlinearity, NONLINEARITIES[structure])


def _group_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    for name, group in featurizer.groups:
        where = f"featurizer {featurizer.id}, group {name}"
        sources = tuple(source for known, source in GENERATORS if known == name)
        yield from _choice(where, "source", group.source, sources)
        yield from _choice(where, "generator", group.generator, GENERATORS[name, group.source])
        legal = feature_nonlinearities(operator, name)
        under = f"{where} under operator nonlinearity {operator.nonlinearity.value}"
        yield from _choice(under, "nonlinearity", group.nonlinearity, legal)
        expansions = EXPANSIONS[operator.token_mixing].get(name, (Expansion.SAME,))
        yield from _choice(where, "expansion", group.expansion, expansions)
        repeats = REPEATS.get(operator.token_mixing, {}).get(name, (Repeat.ONE,))
        yield from _choice(where, "repeat", group.repeat, repeats)
        yield from _projection(where, name, group)


def _projection(where: str, name: str, group: GroupGenome) -> Iterator[str]:
    if (group.token is FeatureTokenMixing.TOEPLITZ) != (group.sparsity is Sparsity.BANDED):
        yield f"{where}: a feature's convolution is short: token mixing 2 goes with sparsity 2 (banded), 1 with 1"
    if group.source is not Source.PROJECTED and group.token is not FeatureTokenMixing.NONE:
        yield f"{where}: only a feature projected from the input can be convolved over tokens"
    if group.source is not Source.PROJECTED and group.channel is not ChannelMixing.DIAGONAL:
        yield f"{where}: a feature that is not projected has channel mixing 1 (diagonal), not {group.channel.value}"
    if group.source is Source.PROJECTED and group.channel is not ChannelMixing.DENSE:
        alike = group.expansion is Expansion.SAME and group.repeat is Repeat.ONE and name not in "ad"
        if not alike:
            yield f"{where}: channel mixing {group.channel.value} needs as many channels as the input; use 2 (dense)"


def _normalised(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Queries and keys may have unit length; of a single channel that is its sign, which has no gradient."""
    for name, group in featurizer.groups:
        if group.normalisation is Normalisation.NONE:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if name not in "cb" or operator.token_mixing not in (TokenMixing.LOW_RANK, *_RECURRENT):
            yield f"{where}: only queries and keys (c and b of token mixing 2, 4 and 5) are normalised; use 1"
        if operator.channel_mixing is ChannelMixing.DIAGONAL and group.expansion is Expansion.SAME:
            yield f"{where}: heads of one channel (channel mixing 1) cannot be normalised; use 1"


def _alike(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Groups that are multiplied with each other have the same channels."""
    pairs = {
        TokenMixing.DIAGONAL: [("c", "v", "expansion")],
        TokenMixing.LOW_RANK: [("b", "v", "repeat")],
        TokenMixing.TOEPLITZ: [],
        TokenMixing.SEMI_SEPARABLE: [("c", "b", "expansion")],
        TokenMixing.DELTA: [("c", "b", "expansion")],
    }
    for one, other, digit in pairs[operator.token_mixing]:
        if getattr(featurizer[one], digit) is not getattr(featurizer[other], digit):
            yield f"featurizer {featurizer.id}: groups {one} and {other} must have the same {digit}"
    if operator.token_mixing in _RECURRENT:
        decay, keys = featurizer["a"].expansion, featurizer["b"].expansion
        if decay not in (keys, Expansion.PER_HEAD):
            yield f"featurizer {featurizer.id}: group a must have the expansion of b, or {Expansion.PER_HEAD.value}"


def _neighbours(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Sixteen neighbouring channels may share a decay where each of them is a head."""
    if operator.channel_mixing is ChannelMixing.DIAGONAL:
        return
    for name, group in featurizer.groups:
        if group.repeat is Repeat.SIXTEEN:
            where = f"featurizer {featurizer.id}, group {name}"
            yield f"{where}: repeat 16 needs heads of one channel, channel mixing 1 (diagonal); use repeat 1 (one)"


def _contraction(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """I - beta k k^T never lengthens a state: the length of k is one and beta at most one."""
    if operator.token_mixing is not TokenMixing.DELTA:
        return
    where, (keys, shares) = f"featurizer {featurizer.id}, group", (featurizer["b"], featurizer["d"])
    yield from _choice(f"{where} b of a delta rule", "normalisation", keys.normalisation, (Normalisation.L2,))
    if shares.source is Source.PROJECTED:
        yield from _choice(f"{where} d of a delta rule", "nonlinearity", shares.nonlinearity, (Nonlinearity.SIGMOID,))


def _weights(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Steps of a row that is divided by its sum count against each other alone: very small ones leave only noise."""
    if operator.nonlinearity is not Nonlinearity.NORMALISED:
        return
    for name, group in featurizer.groups:
        if name == "d" and group.source is Source.PROJECTED:
            where = f"featurizer {featurizer.id}, group d under operator nonlinearity 6"
            yield from _choice(where, "nonlinearity", group.nonlinearity, (Nonlinearity.SIGMOID,))


def _unit_gates(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A filter alone is an operator; queries and keys that are all ones are not."""
    for name, group in featurizer.groups:
        if name not in "cb" or group.source is not Source.CONSTANT:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if operator.token_mixing is not TokenMixing.TOEPLITZ:
            yield f"{where}: only toeplitz can do without this gate; its source must be 1 (projected)"
        if group.nonlinearity is not Nonlinearity.NONE or group.normalisation is not Normalisation.NONE:
            yield f"{where}: a unit gate has nonlinearity 1 and normalisation 1"


def _tied(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """What is written is tied to what is forgotten, key channel by key channel, where both belong to the same head."""
    where = f"featurizer {featurizer.id}, group b"
    if "b" not in featurizer.names:
        return
    keys = featurizer["b"]
    if keys.generator is not Generator.COMPLEMENT:
        if "a" in featurizer.names and featurizer["a"].generator is Generator.SOFTMAX:
            yield f"{where}: a softmax over time (generator 21 of a) needs generator 20 (complement)"
        return
    if operator.token_mixing is not TokenMixing.SEMI_SEPARABLE:
        yield f"{where}: generator 20 (complement of the decay) belongs to token mixing 4 (semi-separable)"
    elif keys != GroupGenome(generator=Generator.COMPLEMENT):
        yield f"{where}: generator 20 (complement of the decay) computes nothing else: its other digits are the default"
    elif featurizer["a"].source is not Source.PROJECTED or featurizer["a"].expansion is not Expansion.SAME:
        yield f"{where}: generator 20 (complement of the decay) needs a projected a with expansion 1"
    elif featurizer["a"].repeat is not Repeat.ONE:
        yield f"{where}: generator 20 (complement of the decay) needs a decay for every head: repeat 1 of a"
    elif featurizer["d"].generator is not Generator.ONES:
        yield f"{where}: generator 20 (complement of the decay) needs unit steps: generator 6 of d"


GROUP_RULES: tuple[Rule, ...] = (_group_digits, _weights, _unit_gates, _normalised, _neighbours)
"""Those that look at one group after the other."""

RULES: tuple[Rule, ...] = (_groups, _operator_digits, *GROUP_RULES, _alike, _tied, _contraction)


def _choice(where: str, what: str, value: Any, legal: tuple[Any, ...]) -> Iterator[str]:
    if value not in legal:
        named = ", ".join(f"{one.value} ({one.name.lower()})" for one in legal) or "none yet: it is reserved"
        yield f"{where}: {what} {value.value} ({value.name.lower()}) cannot be built; legal: {named}"
