"""The digits of a genome and what each one means.

Digits are explicit integers, never changed and never reused: genomes stored years ago depend on them.
Source of the alphabets: STAR (arXiv 2411.17800), section 3; what is marked *ours* goes beyond it.
"""

from enum import IntEnum
from typing import NamedTuple


class TokenMixing(IntEnum):
    """The structure of T: how one token reaches another. A memory cell has no T: it is the exception, no LIV."""

    DIAGONAL = 1
    LOW_RANK = 2
    TOEPLITZ = 3
    SEMI_SEPARABLE = 4
    DELTA = 5
    MEMORY_CELL = 6


class Sparsity(IntEnum):
    """Which entries of T may be other than zero."""

    NONE = 1
    BANDED = 2
    ROUTED = 3


class Nonlinearity(IntEnum):
    """Applied to the entries of T (operator level) or to a feature (featurizer level).

    Normalised: every row of T divided by its sum. Elu: elu(x) + 1, which is above zero everywhere.
    """

    NONE = 1
    SOFTMAX = 2
    RELU = 3
    SILU = 4
    SIGMOID = 5
    NORMALISED = 6
    ELU = 7


class ChannelMixing(IntEnum):
    """Operator level: how channels form heads. Featurizer level: how the projection mixes channels.

    Outer products are heads whose filter runs over b v^T, not over b and v channel by channel.
    """

    DIAGONAL = 1
    DENSE = 2
    GROUPED = 3
    OUTER = 4


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
    """How a feature that is not projected from the input is written down (ours).

    Filters: explicit taps, an implicit MLP, explicit taps under a decay, the impulse response of a state-space model:
    real or complex modes, normalised modes, diagonal plus low rank, dense, companion, rational. Constants: zero or
    fixed decays, unit steps and gates. Tied: what is written is what is forgotten; values that are a part of the keys.
    Decays: those that make a softmax over time; a plain sigmoid. Rotary: projected, then turned by its position.
    Routes: the likeliest one as likely as it is, the two likeliest with weights of sum 1, those beside one that every
    token meets, or a gate that passes a token or not.
    """

    NONE = 1
    EXPLICIT_3 = 2
    IMPLICIT = 3
    ZERO = 4
    FIXED = 5
    ONES = 6
    EXPLICIT_7 = 7
    DECAYING_128 = 8
    REAL_MODAL_16 = 9
    COMPLEX_MODAL_16 = 10
    DPLR_16 = 11
    COMPANION_16 = 12
    RATIONAL_16 = 13
    DENSE_16 = 14
    NORMALISED_MODAL_16 = 15
    COMPLEX_MODAL_2 = 16
    COMPLEMENT = 20
    SOFTMAX = 21
    FORGET = 22
    TIED = 23
    ROTARY = 24
    TOP_1 = 30
    TOP_2 = 31
    TOP_2_SHARED = 32
    GATE = 33


class Expansion(IntEnum):
    """Channels of a feature group: as the input, the MLP ratio 8/3 rounded up to 16, a state size, one a head.

    Latent: four times a head, and for queries and keys half a head more that is rotated by its position. Routes: 4 or 8
    to choose from. Of a routed unit: what each expert that a token meets has, half of the MLP's.
    """

    SAME = 1
    MLP = 2
    STATE_2 = 3
    STATE_16 = 4
    STATE_64 = 5
    STATE_128 = 6
    PER_HEAD = 7
    LATENT = 8
    FOUR = 9
    EIGHT = 10
    EXPERT = 11


class Repeat(IntEnum):
    """How many heads share one head of this group, as in grouped-query attention; 0: all of them."""

    ALL = 0
    ONE = 1
    TWO = 2
    FOUR = 4
    SIXTEEN = 16


class Normalisation(IntEnum):
    """How a feature is normalised (ours): not at all, or to unit length per head; for an output gate, the output."""

    NONE = 1
    L2 = 2


STATES = {
    Generator.REAL_MODAL_16: 16,
    Generator.COMPLEX_MODAL_16: 16,
    Generator.DPLR_16: 16,
    Generator.COMPANION_16: 16,
    Generator.RATIONAL_16: 16,
    Generator.DENSE_16: 16,
    Generator.NORMALISED_MODAL_16: 16,
    Generator.COMPLEX_MODAL_2: 2,
}
"""Filters that are the impulse response of a state, and how many real numbers that state has for each channel."""

TAPS: dict[Generator, int | None] = {
    Generator.EXPLICIT_3: 3,
    Generator.IMPLICIT: None,
    Generator.EXPLICIT_7: 7,
    Generator.DECAYING_128: 128,
    **dict.fromkeys(STATES),
}
"""Taps of a generated filter; None where it reaches back to the first token."""

SHORT_CONV_TAPS = 4
"""Taps of a feature's own short convolution, as in Mamba."""

BLOCK = 16
"""Tokens of a block of a banded recurrence: the side of a matrix tile, so a block is one product in hardware."""

STATE_SIZES = {Expansion.STATE_2: 2, Expansion.STATE_16: 16, Expansion.STATE_64: 64, Expansion.STATE_128: 128}


class Choice(NamedTuple):
    """How many routes a token chooses, and how many more it meets without a choice."""

    chosen: int
    shared: int = 0

    @property
    def met(self) -> int:
        """At most so many: a gate may stay shut."""
        return self.chosen + self.shared


CHOICES = {
    Generator.TOP_1: Choice(1),
    Generator.TOP_2: Choice(2),
    Generator.TOP_2_SHARED: Choice(2, shared=1),
    Generator.GATE: Choice(1),
}

ROUTE_COUNTS = {Expansion.SAME: 1, Expansion.FOUR: 4, Expansion.EIGHT: 8}
"""Routes to choose from; shared ones come on top."""

GROUPS: dict[TokenMixing, tuple[str, ...]] = {
    TokenMixing.DIAGONAL: ("c", "v"),
    TokenMixing.LOW_RANK: ("c", "b", "v"),
    TokenMixing.TOEPLITZ: ("c", "b", "h", "v"),
    TokenMixing.SEMI_SEPARABLE: ("c", "b", "a", "d", "v"),
    TokenMixing.DELTA: ("c", "b", "a", "d", "v"),
    TokenMixing.MEMORY_CELL: ("c", "b", "f", "m", "v"),
}
"""The feature groups each structure mixes, in the order of its formula."""

ROUTES = "r"
"""One more, behind the others, where the structure is routed."""

OUTPUT = "o"
"""One more that a featurizer may have: what the structure's output is multiplied by."""

GROUP_MEANING = {
    "c": "reads the past: queries, output gates",
    "b": "writes the present: keys, input gates",
    "a": "log decay per step of the state",
    "d": "step size: how far a token moves the state",
    "h": "the filter K over distances",
    "f": "logit of what a memory cell keeps",
    "m": "feedback of a memory cell's output to its gates",
    "v": "values",
    ROUTES: "routes: the experts or memories a token meets, and how much each counts",
    OUTPUT: "gate of the output, which its normalisation brings to unit size head by head first",
}

STRATEGIES: dict[TokenMixing, tuple[tuple[str, ...], ...]] = {
    TokenMixing.DIAGONAL: ((), ("c",), ("v",)),
    TokenMixing.LOW_RANK: ((), ("b",), ("v",), ("b", "v")),
    TokenMixing.TOEPLITZ: ((), ("b",), ("v",), ("b", "v"), ("h",)),
    TokenMixing.SEMI_SEPARABLE: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.DELTA: ((), ("b",), ("b", "v"), ("b", "a", "d", "v")),
    TokenMixing.MEMORY_CELL: ((), ("b",), ("b", "v"), ("b", "f", "v")),
}
"""Feature-sharing strategies 1, 2, ...: the computed groups that later members take from the first."""

ROUTED_STRATEGIES = {TokenMixing.DIAGONAL: ((), ("c", ROUTES), ("v", ROUTES))}
"""The same where routing changes them: what an expert computed is of use only with the route that led there."""

WEIGHT_STRATEGIES = (1, 2)
"""Featurizer-sharing strategies: 1 none, 2 all featurizer weights."""
