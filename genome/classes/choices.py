"""Tables of the legal digits of a structure and of a feature group, by structure, group name and source.

`genome.classes.rules` holds the rules about digits that must fit each other.
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
from genome.classes.feature_groups import ACTIVATION, BALANCE, CONVOLVED_INPUT, DECOMPRESSION, OUTPUT, ROUTES, SKIP
from genome.classes.operator import GroupGenome, OperatorGenome
from genome.classes.quantities import RANKS, ROUTE_CHOICES, ROUTE_COUNTS, SHORT_CONVOLUTIONS, STATE_SIZES, TAPS

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
"""The sparsities with which each structure can be built.

A filter is a function of distances between all tokens, so a Toeplitz operator cannot be routed.
"""

NONLINEARITIES = {
    TokenMixing.DIAGONAL: _PLAIN,
    TokenMixing.LOW_RANK: (Nonlinearity.SOFTMAX,),
    TokenMixing.TOEPLITZ: (Nonlinearity.NONE,),
    TokenMixing.SEMI_SEPARABLE: (Nonlinearity.NONE, Nonlinearity.NORMALISED),
    TokenMixing.DELTA: (Nonlinearity.NONE,),
    TokenMixing.MEMORY_CELL: (Nonlinearity.NONE,),
}

_HEADS = (ChannelMixing.DIAGONAL, ChannelMixing.DENSE, ChannelMixing.GROUPED)

FEATURE_CHANNELS = (*_HEADS, *RANKS, ChannelMixing.ROUTED)
"""Channel mixings of a projection."""

CHANNEL_MIXINGS: dict[TokenMixing, tuple[ChannelMixing, ...]] = {
    **dict.fromkeys(TokenMixing, _HEADS),
    TokenMixing.TOEPLITZ: (*_HEADS, ChannelMixing.OUTER),
}
"""Channel mixings of each structure. Only Toeplitz has OUTER: the other structures form outer products anyway."""

GENERATORS: dict[tuple[str, Source], tuple[Generator, ...]] = {
    ("c", Source.PROJECTED): (Generator.NONE, Generator.BIASED, Generator.ROTARY),
    ("b", Source.PROJECTED): (
        Generator.NONE,
        Generator.BIASED,
        Generator.ROTARY,
        Generator.COMPLEMENT,
        Generator.LATENT_NORM,
    ),
    ("b", Source.CONVOLVED): (Generator.NONE, Generator.BIASED),
    ("v", Source.PROJECTED): (Generator.NONE, Generator.BIASED, Generator.TIED),
    **dict.fromkeys([(name, Source.VALUES) for name in "cbd"], (Generator.NONE,)),
    ("d", Source.PROJECTED): (Generator.NONE,),
    ("d", Source.CONSTANT): (Generator.ONES,),
    ("a", Source.CONSTANT): (Generator.NONE, Generator.ZERO, Generator.FIXED),
    ("a", Source.PROJECTED): (
        Generator.NONE,
        Generator.FORGET,
        Generator.SOFTMAX,
        Generator.RATE,
        Generator.BOUNDED,
    ),
    ("c", Source.CONSTANT): (Generator.ONES,),
    ("b", Source.CONSTANT): (Generator.ONES,),
    ("h", Source.POSITION): tuple(TAPS),
    ("f", Source.PROJECTED): (Generator.NONE,),
    ("f", Source.CONVOLVED): (Generator.NONE,),
    (CONVOLVED_INPUT, Source.PROJECTED): (Generator.NONE,),
    ("m", Source.CONSTANT): (Generator.NONE,),
    (ROUTES, Source.PROJECTED): tuple(ROUTE_CHOICES),
    (DECOMPRESSION, Source.CONSTANT): (Generator.NONE,),
    (BALANCE, Source.CONSTANT): (Generator.NONE,),
    (SKIP, Source.CONSTANT): (Generator.NONE, Generator.ONES),
    (OUTPUT, Source.PROJECTED): (Generator.NONE,),
    (OUTPUT, Source.CONSTANT): (Generator.ONES,),
    (ACTIVATION, Source.OUTPUT): (Generator.NONE, Generator.GLU),
}
"""The generators of each feature group, by group name and source. A new kind of feature is a new entry."""

FIXED_GROUPS = {
    Generator.COMPLEMENT: GroupGenome(generator=Generator.COMPLEMENT),
    Generator.TIED: GroupGenome(generator=Generator.TIED, expansion=Expansion.LATENT, repeat=Repeat.ALL),
}
"""Generators without weights, each with the only legal digits of its group."""

_FEATURE_NONLINEARITIES = {
    **dict.fromkeys("cv", _FEATURE_MAPS),
    "b": (*_FEATURE_MAPS, Nonlinearity.SIGMOID),
    "d": (Nonlinearity.NONE, Nonlinearity.SIGMOID),
    CONVOLVED_INPUT: (Nonlinearity.NONE, Nonlinearity.SILU),
    OUTPUT: (Nonlinearity.NONE, Nonlinearity.SILU, Nonlinearity.SIGMOID),
    ACTIVATION: (Nonlinearity.NONE, Nonlinearity.GELU, Nonlinearity.SILU),
}
"""Nonlinearities of feature groups. Other groups have a fixed nonlinearity, digit 1; that of steps is softplus."""

_POSITIVE = dict.fromkeys("cb", (Nonlinearity.ELU,))
"""Nonlinearities of queries and keys whose products are divided by their sum and must therefore be positive."""

_KEYS = (Expansion.SAME, Expansion.HALF, *STATE_SIZES)
_VALUES = (Expansion.SAME, Expansion.DOUBLE, Expansion.DOUBLE_HEADS)
_SKIPS = (Expansion.SAME, Expansion.PER_HEAD)

_EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.SAME, Expansion.MLP)),
    TokenMixing.LOW_RANK: dict.fromkeys("cb", (Expansion.SAME, Expansion.LATENT))
    | {"v": (Expansion.SAME, Expansion.LATENT, Expansion.PAIRED), BALANCE: (Expansion.PAIRED,)},
    TokenMixing.TOEPLITZ: {SKIP: _SKIPS},
    TokenMixing.SEMI_SEPARABLE: dict.fromkeys("cb", _KEYS)
    | {"a": (*_KEYS, Expansion.PER_HEAD), "v": _VALUES, SKIP: _SKIPS},
    TokenMixing.DELTA: dict.fromkeys("cb", _KEYS) | {"a": (*_KEYS, Expansion.PER_HEAD), "v": _VALUES, SKIP: _SKIPS},
    TokenMixing.MEMORY_CELL: {},
}
"""Expansions of feature groups; a group that is not listed has expansion 1 (same)."""

_ROUTED_EXPANSIONS: dict[TokenMixing, dict[str, tuple[Expansion, ...]]] = {
    TokenMixing.DIAGONAL: dict.fromkeys("cv", (Expansion.EXPERT,))
}
"""Expansions that replace `_EXPANSIONS` in a routed operator: only a routed operator has experts."""

_REPEATS: dict[TokenMixing, dict[str, tuple[Repeat, ...]]] = {
    TokenMixing.LOW_RANK: dict.fromkeys("bv", (Repeat.ALL, Repeat.ONE, Repeat.TWO, Repeat.FOUR)),
    TokenMixing.SEMI_SEPARABLE: {"a": (Repeat.ONE, Repeat.SIXTEEN)},
}
"""Repeats of the groups whose heads several heads may share."""

_NORMALISED = {
    **dict.fromkeys((TokenMixing.LOW_RANK, *RECURRENT), f"cb{OUTPUT}"),
    TokenMixing.MEMORY_CELL: OUTPUT,
}
"""The groups that may be normalised: queries, keys, and the output that an output gate multiplies."""


def sources(group: str) -> tuple[Source, ...]:
    """Return the legal sources of a feature group."""
    return tuple(source for known, source in GENERATORS if known == group)


def feature_nonlinearities(operator: OperatorGenome, group: str) -> tuple[Nonlinearity, ...]:
    """Return the legal nonlinearities of a feature group of this operator."""
    legal = _FEATURE_NONLINEARITIES.get(group, (Nonlinearity.NONE,))
    return _POSITIVE.get(group, legal) if operator.nonlinearity is Nonlinearity.NORMALISED else legal


def expansions(operator: OperatorGenome, group: str) -> tuple[Expansion, ...]:
    """Return the legal expansions of a feature group of this operator."""
    if group == ROUTES:
        return tuple(ROUTE_COUNTS)
    plain = _EXPANSIONS[operator.token_mixing]
    routed = operator.sparsity is Sparsity.ROUTED
    table = _ROUTED_EXPANSIONS.get(operator.token_mixing, plain) if routed else plain
    return table.get(group, (Expansion.SAME,))


def repeats(operator: OperatorGenome, group: str) -> tuple[Repeat, ...]:
    """Return the legal numbers of heads that share one head of this group."""
    return _REPEATS.get(operator.token_mixing, {}).get(group, (Repeat.ONE,))


def normalisations(operator: OperatorGenome, group: str) -> tuple[Normalisation, ...]:
    """Return the legal normalisations of a feature group of this operator."""
    if group not in _NORMALISED.get(operator.token_mixing, ""):
        return (Normalisation.NONE,)
    return tuple(Normalisation) if group == OUTPUT else (Normalisation.NONE, Normalisation.L2)


def token_mixings(group: str) -> tuple[FeatureTokenMixing, ...]:
    """Return the legal token mixings of a projected group. Routes and outputs depend on one token alone.

    The convolved input has no projection, and so no bias of one.
    """
    if group == CONVOLVED_INPUT:
        return tuple(mixing for mixing, one in SHORT_CONVOLUTIONS.items() if not one.projection_biased)
    return (FeatureTokenMixing.NONE,) if group in (ROUTES, ACTIVATION) else tuple(FeatureTokenMixing)


def channels(group: str, expansion: Expansion, repeat: Repeat) -> tuple[ChannelMixing, ...]:
    """Return the legal channel mixings of a projected group: all if it has as many channels as the input.

    Only decays, steps and output gates may have a low rank, and through the channels of a head only if they have some.
    """
    if group == CONVOLVED_INPUT:
        return (ChannelMixing.DIAGONAL,)
    as_input = expansion is Expansion.SAME and repeat is Repeat.ONE and group not in ("a", "d", ROUTES, ACTIVATION)
    full = _HEADS if as_input else (ChannelMixing.DENSE,)
    per_head = group == "d" or expansion is Expansion.PER_HEAD
    low = tuple(rank for rank in RANKS if not (per_head and rank is ChannelMixing.RANK_HEAD))
    return (*full, *low) if group in ("a", "d", OUTPUT) else full
