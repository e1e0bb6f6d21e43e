"""The digits of a genome and what each one means.

Digits are explicit integers, never changed and never reused: genomes stored years ago depend on them.
Source of the alphabets: STAR (arXiv 2411.17800), section 3; what is marked *ours* goes beyond it.
"""

from enum import IntEnum


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
