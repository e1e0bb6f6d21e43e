"""The digits of a genome and what each one means.

Digits are explicit integers, never changed and never reused: genomes stored years ago depend on them.
Source of the alphabets: STAR (arXiv 2411.17800), section 3; what is marked *ours* goes beyond it.
"""

from enum import IntEnum


class TokenMixing(IntEnum):
    """The structure of T: how one token reaches another."""

    DIAGONAL = 1
    LOW_RANK = 2
    TOEPLITZ = 3
    SEMI_SEPARABLE = 4


class Sparsity(IntEnum):
    """Which entries of T may be other than zero."""

    NONE = 1
    BANDED = 2


class Nonlinearity(IntEnum):
    """Applied to the entries of T (operator level) or to a feature (featurizer level)."""

    NONE = 1
    SOFTMAX = 2
    RELU = 3
    SILU = 4


class ChannelMixing(IntEnum):
    """Operator level: how channels form heads. Featurizer level: how the projection mixes channels."""

    DIAGONAL = 1
    DENSE = 2
    GROUPED = 3


class FeatureTokenMixing(IntEnum):
    """Whether a feature sees its neighbours: a short causal depthwise convolution, or not."""

    NONE = 1
    TOEPLITZ = 2


class Source(IntEnum):
    """Where a feature group comes from (ours)."""

    PROJECTED = 1
    CONSTANT = 2
    POSITION = 3


class Generator(IntEnum):
    """How a feature that is a function of position is written down (ours)."""

    NONE = 1
    EXPLICIT_3 = 2
    IMPLICIT = 3


class Expansion(IntEnum):
    """Channels of a feature group: as the input, the MLP ratio 8/3 rounded up to 16, or a state size."""

    SAME = 1
    MLP = 2
    STATE_2 = 3
    STATE_16 = 4


class Repeat(IntEnum):
    """How many heads share one head of this group, as in grouped-query attention."""

    ONE = 1
    TWO = 2
    FOUR = 4


TAPS: dict[Generator, int | None] = {Generator.EXPLICIT_3: 3, Generator.IMPLICIT: None}
"""Taps of a generated filter; None where it reaches back to the first token."""

SHORT_CONV_TAPS = 4
"""Taps of a feature's own short convolution, as in Mamba."""

STATE_SIZES = {Expansion.STATE_2: 2, Expansion.STATE_16: 16}

GROUPS: dict[TokenMixing, tuple[str, ...]] = {
    TokenMixing.DIAGONAL: ("c", "v"),
    TokenMixing.LOW_RANK: ("c", "b", "v"),
    TokenMixing.TOEPLITZ: ("c", "b", "h", "v"),
    TokenMixing.SEMI_SEPARABLE: ("c", "b", "a", "d", "v"),
}
"""The feature groups each structure mixes, in the order of its formula."""

GROUP_MEANING = {
    "c": "reads the past: queries, output gates",
    "b": "writes the present: keys, input gates",
    "a": "log decay per step of the state",
    "d": "step size: how far a token moves the state",
    "h": "the filter K over distances",
    "v": "values",
}

STRATEGIES: dict[TokenMixing, tuple[tuple[str, ...], ...]] = {
    TokenMixing.DIAGONAL: ((), ("c",), ("v",)),
    TokenMixing.LOW_RANK: ((), ("b",), ("v",), ("b", "v")),
    TokenMixing.TOEPLITZ: ((), ("b",), ("v",), ("b", "v"), ("h",)),
    TokenMixing.SEMI_SEPARABLE: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
}
"""Feature-sharing strategies 1, 2, ...: the computed groups that later members take from the first."""

WEIGHT_STRATEGIES = (1, 2)
"""Featurizer-sharing strategies: 1 none, 2 all featurizer weights."""
