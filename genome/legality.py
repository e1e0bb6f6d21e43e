"""Which digits may stand together. What cannot be built is refused here, by a stated rule, never by a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from genome.alphabet import (
    CHOICES,
    ROUTE_COUNTS,
    ROUTES,
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
_LATENT = (Expansion.LATENT,)
_RECURRENT = (TokenMixing.SEMI_SEPARABLE, TokenMixing.DELTA)

FEATURE_CHANNELS = (ChannelMixing.DIAGONAL, ChannelMixing.DENSE, ChannelMixing.GROUPED)
"""How a projection may mix channels."""

SPARSITIES = {
    TokenMixing.DIAGONAL: (Sparsity.NONE, Sparsity.ROUTED),
    TokenMixing.LOW_RANK: (Sparsity.NONE, Sparsity.BANDED, Sparsity.ROUTED),
    TokenMixing.TOEPLITZ: (Sparsity.NONE, Sparsity.BANDED),
    TokenMixing.SEMI_SEPARABLE: (Sparsity.NONE, Sparsity.ROUTED),
    TokenMixing.DELTA: (Sparsity.NONE, Sparsity.ROUTED),
    TokenMixing.MEMORY_CELL: (Sparsity.NONE,),
}
"""The sparsities each structure can be built with; a structure that were reserved would have none.

A filter over distances counts every token, so a toeplitz operator cannot be routed.
"""

NONLINEARITIES = {
    TokenMixing.DIAGONAL: _PLAIN,
    TokenMixing.LOW_RANK: (Nonlinearity.SOFTMAX,),
    TokenMixing.TOEPLITZ: (Nonlinearity.NONE,),
    TokenMixing.SEMI_SEPARABLE: (Nonlinearity.NONE,),
    TokenMixing.DELTA: (Nonlinearity.NONE,),
    TokenMixing.MEMORY_CELL: (Nonlinearity.NONE,),
}

CHANNEL_MIXINGS: dict[TokenMixing, tuple[ChannelMixing, ...]] = {
    **dict.fromkeys(TokenMixing, FEATURE_CHANNELS),
    TokenMixing.TOEPLITZ: tuple(ChannelMixing),
}
"""How channels may form heads: outer products are for filters, as the other structures have theirs anyway."""

GENERATORS: dict[tuple[str, Source], tuple[Generator, ...]] = {
    ("c", Source.PROJECTED): (Generator.NONE,),
    ("b", Source.PROJECTED): (Generator.NONE, Generator.COMPLEMENT),
    ("v", Source.PROJECTED): (Generator.NONE, Generator.TIED),
    ("d", Source.PROJECTED): (Generator.NONE,),
    ("d", Source.CONSTANT): (Generator.ONES,),
    ("a", Source.CONSTANT): (Generator.NONE, Generator.ZERO, Generator.FIXED),
    ("a", Source.PROJECTED): (Generator.NONE, Generator.SOFTMAX),
    ("c", Source.CONSTANT): (Generator.ONES,),
    ("b", Source.CONSTANT): (Generator.ONES,),
    ("h", Source.POSITION): tuple(TAPS),
    ("f", Source.PROJECTED): (Generator.NONE,),
    ("m", Source.CONSTANT): (Generator.NONE,),
    (ROUTES, Source.PROJECTED): tuple(CHOICES),
}
"""Where a group may come from, and how it may be written down. A new kind of feature is a new entry."""

FEATURE_NONLINEARITIES = {**dict.fromkeys("cbv", _PLAIN), "d": (Nonlinearity.NONE, Nonlinearity.SIGMOID)}
"""Other groups have a nonlinearity of their own and take no other: digit 1. Steps are softplus by default."""

EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.SAME, Expansion.MLP)),
    TokenMixing.LOW_RANK: dict.fromkeys("cbv", (Expansion.SAME, Expansion.LATENT)),
    TokenMixing.TOEPLITZ: {},
    TokenMixing.SEMI_SEPARABLE: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES))
    | {"a": (Expansion.SAME, *STATE_SIZES, Expansion.PER_HEAD)},
    TokenMixing.DELTA: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES)) | {"a": (Expansion.PER_HEAD,)},
    TokenMixing.MEMORY_CELL: {},
}
"""Expansions beside 1 (as the input), where there is a choice."""

ROUTED_EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.EXPERT,))
}
"""What routing puts in their place: experts exist where tokens are led to them, and nowhere else."""

WHOLE = {
    Generator.COMPLEMENT: GroupGenome(generator=Generator.COMPLEMENT),
    Generator.TIED: GroupGenome(generator=Generator.TIED, expansion=Expansion.LATENT, repeat=Repeat.ALL),
}
"""Generators that compute nothing of their own, and the one group in which each of them may stand."""

REPEATS = {TokenMixing.LOW_RANK: "bv"}
"""The groups whose heads may be shared by several heads."""

NORMALISED = dict.fromkeys((TokenMixing.LOW_RANK, *_RECURRENT), "cb")
"""The groups that may have unit length: queries and keys."""

FEATURE_TOKENS = {ROUTES: (FeatureTokenMixing.NONE,)}
"""The token mixings of a projected group, where not both mean something: a token is routed by itself."""


def illegal(operator: OperatorGenome, featurizer: FeaturizerGenome) -> str | None:
    """Why this operator cannot be built, as a sentence, or None when it can."""
    return next(_broken(operator, featurizer), None)


def reasons(operator: OperatorGenome, featurizer: FeaturizerGenome) -> list[str]:
    """Every broken rule, where the featurizer has the groups that the operator mixes and each a legal source."""
    return list(_broken(operator, featurizer))


def _broken(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    for rule in RULES:
        yield from rule(operator, featurizer)


def expansions(operator: OperatorGenome, group: str) -> tuple[Expansion, ...]:
    """The legal expansions of a feature group of this operator."""
    if group == ROUTES:
        return tuple(ROUTE_COUNTS)
    plain = EXPANSIONS[operator.token_mixing]
    routed = operator.sparsity is Sparsity.ROUTED
    table = ROUTED_EXPANSIONS.get(operator.token_mixing, plain) if routed else plain
    return table.get(group, (Expansion.SAME,))


def channels(group: str, expansion: Expansion, repeat: Repeat) -> tuple[ChannelMixing, ...]:
    """The legal channel mixings of a projected feature group: all of them where it has as many as the input."""
    alike = expansion is Expansion.SAME and repeat is Repeat.ONE and group not in ("a", "d", ROUTES)
    return FEATURE_CHANNELS if alike else (ChannelMixing.DENSE,)


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
    channels = CHANNEL_MIXINGS[structure]
    yield from _choice(structure.name.lower(), "channel mixing", operator.channel_mixing, channels)


def _group_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    for name, group in featurizer.groups:
        where = f"featurizer {featurizer.id}, group {name}"
        sources = tuple(source for known, source in GENERATORS if known == name)
        yield from _choice(where, "source", group.source, sources)
        yield from _choice(where, "generator", group.generator, GENERATORS[name, group.source])
        yield from _choice(where, "channel mixing", group.channel, FEATURE_CHANNELS)
        nonlinearities = FEATURE_NONLINEARITIES.get(name, (Nonlinearity.NONE,))
        yield from _choice(where, "nonlinearity", group.nonlinearity, nonlinearities)
        yield from _choice(where, "expansion", group.expansion, expansions(operator, name))
        repeats = tuple(Repeat) if name in REPEATS.get(operator.token_mixing, "") else (Repeat.ONE,)
        yield from _choice(where, "repeat", group.repeat, repeats)
        yield from _projection(where, name, group)


def _projection(where: str, name: str, group: GroupGenome) -> Iterator[str]:
    if group.source is Source.PROJECTED:
        yield from _choice(where, "token mixing", group.token, FEATURE_TOKENS.get(name, tuple(FeatureTokenMixing)))
    if (group.token is FeatureTokenMixing.TOEPLITZ) != (group.sparsity is Sparsity.BANDED):
        yield f"{where}: a feature's convolution is short: token mixing 2 goes with sparsity 2 (banded), 1 with 1"
    if group.source is not Source.PROJECTED and group.token is not FeatureTokenMixing.NONE:
        yield f"{where}: only a feature projected from the input can be convolved over tokens"
    if group.source is not Source.PROJECTED and group.channel is not ChannelMixing.DIAGONAL:
        yield f"{where}: a feature that is not projected has channel mixing 1 (diagonal), not {group.channel.value}"
    if group.source is Source.PROJECTED and group.channel not in channels(name, group.expansion, group.repeat):
        yield f"{where}: channel mixing {group.channel.value} needs as many channels as the input; use 2 (dense)"


def _normalised(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Queries and keys may have unit length; of a single channel that is its sign, which has no gradient."""
    for name, group in featurizer.groups:
        if group.normalisation is Normalisation.NONE:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if name not in NORMALISED.get(operator.token_mixing, ""):
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
        TokenMixing.MEMORY_CELL: [],
    }
    for one, other, digit in pairs[operator.token_mixing]:
        if getattr(featurizer[one], digit) is not getattr(featurizer[other], digit):
            yield f"featurizer {featurizer.id}: groups {one} and {other} must have the same {digit}"
    if operator.token_mixing in _RECURRENT:
        decay, keys = featurizer["a"].expansion, featurizer["b"].expansion
        if decay not in (keys, Expansion.PER_HEAD):
            yield f"featurizer {featurizer.id}: group a must have the expansion of b, or {Expansion.PER_HEAD.value}"


def _routed(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A gate is one route; a choice needs several. An expert works token by token."""
    if operator.sparsity is not Sparsity.ROUTED:
        return
    routes = featurizer[ROUTES]
    counts = (Expansion.SAME,) if routes.generator is Generator.GATE else (Expansion.FOUR, Expansion.EIGHT)
    where = f"featurizer {featurizer.id}, group {ROUTES} with generator {routes.generator.value}"
    yield from _choice(where, "expansion", routes.expansion, counts)
    for name, group in featurizer.groups:
        if group.expansion is Expansion.EXPERT and group.token is not FeatureTokenMixing.NONE:
            yield f"featurizer {featurizer.id}, group {name}: an expert sees no neighbours; its token mixing must be 1"


def _contraction(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """I - beta k k^T never lengthens a state: the length of k is one and beta at most one."""
    if operator.token_mixing is not TokenMixing.DELTA:
        return
    where, (keys, shares) = f"featurizer {featurizer.id}, group", (featurizer["b"], featurizer["d"])
    yield from _choice(f"{where} b of a delta rule", "normalisation", keys.normalisation, (Normalisation.L2,))
    if shares.source is Source.PROJECTED:
        yield from _choice(f"{where} d of a delta rule", "nonlinearity", shares.nonlinearity, (Nonlinearity.SIGMOID,))


def _unit_gates(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A filter alone is an operator; queries and keys that are all ones are not."""
    for name, group in featurizer.groups:
        if name not in "cb" or group.source is not Source.CONSTANT:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if operator.token_mixing is not TokenMixing.TOEPLITZ:
            yield f"{where}: only toeplitz can do without this gate; its source must be 1 (projected)"
        if operator.channel_mixing is ChannelMixing.OUTER:
            yield f"{where}: outer products (channel mixing 4) need a projected group; its source must be 1 (projected)"
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
    elif keys != WHOLE[Generator.COMPLEMENT]:
        yield f"{where}: generator 20 (complement of the decay) computes nothing else: its other digits are the default"
    elif featurizer["a"].source is not Source.PROJECTED or featurizer["a"].expansion is not Expansion.SAME:
        yield f"{where}: generator 20 (complement of the decay) needs a projected a with expansion 1"
    elif featurizer["d"].generator is not Generator.ONES:
        yield f"{where}: generator 20 (complement of the decay) needs unit steps: generator 6 of d"


def _latent(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """One latent stands for the keys and values of all heads: queries and keys are of its size, values are itself."""
    latent = [name for name, group in featurizer.groups if group.expansion is Expansion.LATENT]
    values = featurizer["v"]
    if not latent and values.generator is not Generator.TIED:
        return
    where = f"featurizer {featurizer.id}, group"
    if operator.token_mixing is not TokenMixing.LOW_RANK or operator.sparsity is Sparsity.ROUTED:
        yield f"{where} v: generator 23 (tied to the latent) belongs to token mixing 2 with sparsity 1 or 2"
    for name in "cb":
        yield from _choice(f"{where} {name} beside a latent", "expansion", featurizer[name].expansion, _LATENT)
    yield from _choice(f"{where} b of a latent", "repeat", featurizer["b"].repeat, (Repeat.ALL,))
    yield from _choice(f"{where} v of a latent", "generator", values.generator, (Generator.TIED,))
    if values != WHOLE[Generator.TIED]:
        digits = ".".join(map(str, WHOLE[Generator.TIED].digits))
        yield f"{where} v: generator 23 (tied to the latent) computes nothing: its digits are {digits}"


RULES: tuple[Rule, ...] = (
    _groups,
    _operator_digits,
    _group_digits,
    _unit_gates,
    _normalised,
    _alike,
    _tied,
    _routed,
    _latent,
    _contraction,
)


def _choice(where: str, what: str, value: Any, legal: tuple[Any, ...]) -> Iterator[str]:
    if value not in legal:
        named = ", ".join(f"{one.value} ({one.name.lower()})" for one in legal) or "none yet: it is reserved"
        yield f"{where}: {what} {value.value} ({value.name.lower()}) cannot be built; legal: {named}"
