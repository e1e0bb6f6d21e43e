"""Which digits there are to choose from, as tables: by structure, by feature group, by where a feature comes from.

What may stand beside what is for `genome.classes.rules` to say.
"""

from __future__ import annotations

from genome.classes.alphabet import (
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
from genome.classes.feature_groups import OUTPUT, ROUTES
from genome.classes.operator import GroupGenome, OperatorGenome
from genome.classes.quantities import ROUTE_CHOICES, ROUTE_COUNTS, STATE_SIZES, TAPS

_PLAIN = (Nonlinearity.NONE, Nonlinearity.RELU, Nonlinearity.SILU)
_FEATURE_MAPS = (*_PLAIN, Nonlinearity.ELU)

RECURRENT = (TokenMixing.SEMI_SEPARABLE, TokenMixing.DELTA)

SPARSITIES = {
    TokenMixing.DIAGONAL: (Sparsity.NONE, Sparsity.ROUTED),
    TokenMixing.LOW_RANK: (Sparsity.NONE, Sparsity.BANDED, Sparsity.ROUTED),
    TokenMixing.TOEPLITZ: (Sparsity.NONE, Sparsity.BANDED),
    TokenMixing.SEMI_SEPARABLE: (Sparsity.NONE, Sparsity.BANDED, Sparsity.ROUTED),
    TokenMixing.DELTA: (Sparsity.NONE, Sparsity.BANDED, Sparsity.ROUTED),
    TokenMixing.MEMORY_CELL: (Sparsity.NONE,),
}
"""The sparsities each structure can be built with; a structure that were reserved would have none.

A filter over distances counts every token, so a toeplitz operator cannot be routed.
"""

NONLINEARITIES = {
    TokenMixing.DIAGONAL: _PLAIN,
    TokenMixing.LOW_RANK: (Nonlinearity.SOFTMAX,),
    TokenMixing.TOEPLITZ: (Nonlinearity.NONE,),
    TokenMixing.SEMI_SEPARABLE: (Nonlinearity.NONE, Nonlinearity.NORMALISED),
    TokenMixing.DELTA: (Nonlinearity.NONE,),
    TokenMixing.MEMORY_CELL: (Nonlinearity.NONE,),
}

FEATURE_CHANNELS = (ChannelMixing.DIAGONAL, ChannelMixing.DENSE, ChannelMixing.GROUPED)
"""How a projection may mix channels."""

CHANNEL_MIXINGS: dict[TokenMixing, tuple[ChannelMixing, ...]] = {
    **dict.fromkeys(TokenMixing, FEATURE_CHANNELS),
    TokenMixing.TOEPLITZ: tuple(ChannelMixing),
}
"""How channels may form heads: outer products are for filters, as the other structures have theirs anyway."""

GATED = tuple(structure for structure in TokenMixing if structure is not TokenMixing.DIAGONAL)
"""The structures whose output may be normalised and gated; a diagonal one is a gate."""

GENERATORS: dict[tuple[str, Source], tuple[Generator, ...]] = {
    ("c", Source.PROJECTED): (Generator.NONE, Generator.ROTARY),
    ("b", Source.PROJECTED): (Generator.NONE, Generator.ROTARY, Generator.COMPLEMENT),
    ("v", Source.PROJECTED): (Generator.NONE, Generator.TIED),
    ("d", Source.PROJECTED): (Generator.NONE,),
    ("d", Source.CONSTANT): (Generator.ONES,),
    ("a", Source.CONSTANT): (Generator.NONE, Generator.ZERO, Generator.FIXED),
    ("a", Source.PROJECTED): (Generator.NONE, Generator.FORGET, Generator.SOFTMAX),
    ("c", Source.CONSTANT): (Generator.ONES,),
    ("b", Source.CONSTANT): (Generator.ONES,),
    ("h", Source.POSITION): tuple(TAPS),
    ("f", Source.PROJECTED): (Generator.NONE,),
    ("m", Source.CONSTANT): (Generator.NONE,),
    (ROUTES, Source.PROJECTED): tuple(ROUTE_CHOICES),
    (OUTPUT, Source.PROJECTED): (Generator.NONE,),
    (OUTPUT, Source.CONSTANT): (Generator.ONES,),
}
"""Where a group may come from, and how it may be written down. A new kind of feature is a new entry."""

WHOLE = {
    Generator.COMPLEMENT: GroupGenome(generator=Generator.COMPLEMENT),
    Generator.TIED: GroupGenome(generator=Generator.TIED, expansion=Expansion.LATENT, repeat=Repeat.ALL),
}
"""Generators that compute nothing of their own, and the one group in which each of them may stand."""

_FEATURE_NONLINEARITIES = {
    **dict.fromkeys("cv", _FEATURE_MAPS),
    "b": (*_FEATURE_MAPS, Nonlinearity.SIGMOID),
    "d": (Nonlinearity.NONE, Nonlinearity.SIGMOID),
    OUTPUT: (Nonlinearity.NONE, Nonlinearity.SILU, Nonlinearity.SIGMOID),
}
"""Other groups have a nonlinearity of their own and take no other: digit 1. Steps are softplus by default."""

_POSITIVE = dict.fromkeys("cb", (Nonlinearity.ELU,))
"""The nonlinearities of groups whose products, being divided by their sum, must be above zero."""

_EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.SAME, Expansion.MLP)),
    TokenMixing.LOW_RANK: dict.fromkeys("cbv", (Expansion.SAME, Expansion.LATENT)),
    TokenMixing.TOEPLITZ: {},
    TokenMixing.SEMI_SEPARABLE: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES))
    | {"a": (Expansion.SAME, *STATE_SIZES, Expansion.PER_HEAD)},
    TokenMixing.DELTA: dict.fromkeys("cb", (Expansion.SAME, *STATE_SIZES)) | {"a": (Expansion.PER_HEAD,)},
    TokenMixing.MEMORY_CELL: {},
}
"""Expansions beside 1 (as the input), where there is a choice."""

_ROUTED_EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.EXPERT,))
}
"""What routing puts in their place: experts exist where tokens are led to them, and nowhere else."""

_REPEATS: dict[TokenMixing, dict[str, tuple[Repeat, ...]]] = {
    TokenMixing.LOW_RANK: dict.fromkeys("bv", (Repeat.ALL, Repeat.ONE, Repeat.TWO, Repeat.FOUR)),
    TokenMixing.SEMI_SEPARABLE: {"a": (Repeat.ONE, Repeat.SIXTEEN)},
}
"""The groups whose heads may be shared by several heads."""

_NORMALISED = {
    **dict.fromkeys((TokenMixing.LOW_RANK, *RECURRENT), f"cb{OUTPUT}"),
    TokenMixing.MEMORY_CELL: OUTPUT,
}
"""The groups that may be normalised: queries and keys, and what an output gate multiplies."""


def sources(group: str) -> tuple[Source, ...]:
    """Where a feature group may come from."""
    return tuple(source for known, source in GENERATORS if known == group)


def feature_nonlinearities(operator: OperatorGenome, group: str) -> tuple[Nonlinearity, ...]:
    """Those that a feature group of this operator may have."""
    legal = _FEATURE_NONLINEARITIES.get(group, (Nonlinearity.NONE,))
    return _POSITIVE.get(group, legal) if operator.nonlinearity is Nonlinearity.NORMALISED else legal


def expansions(operator: OperatorGenome, group: str) -> tuple[Expansion, ...]:
    """Those that a feature group of this operator may have."""
    if group == ROUTES:
        return tuple(ROUTE_COUNTS)
    plain = _EXPANSIONS[operator.token_mixing]
    routed = operator.sparsity is Sparsity.ROUTED
    table = _ROUTED_EXPANSIONS.get(operator.token_mixing, plain) if routed else plain
    return table.get(group, (Expansion.SAME,))


def repeats(operator: OperatorGenome, group: str) -> tuple[Repeat, ...]:
    """How many heads may share one head of this group."""
    return _REPEATS.get(operator.token_mixing, {}).get(group, (Repeat.ONE,))


def normalisations(operator: OperatorGenome, group: str) -> tuple[Normalisation, ...]:
    """Those that a feature group of this operator may have."""
    legal = group in _NORMALISED.get(operator.token_mixing, "")
    return tuple(Normalisation) if legal else (Normalisation.NONE,)


def token_mixings(group: str) -> tuple[FeatureTokenMixing, ...]:
    """Those of a projected feature group: a token is routed by itself."""
    return (FeatureTokenMixing.NONE,) if group == ROUTES else tuple(FeatureTokenMixing)


def channels(group: str, expansion: Expansion, repeat: Repeat) -> tuple[ChannelMixing, ...]:
    """Those of a projected feature group: all of them where it has as many channels as the input."""
    alike = expansion is Expansion.SAME and repeat is Repeat.ONE and group not in ("a", "d", ROUTES)
    return FEATURE_CHANNELS if alike else (ChannelMixing.DENSE,)
