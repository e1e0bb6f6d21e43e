"""The digits of a genome and their meaning.

Digits are explicit integers that are never changed and never reused, because stored genomes depend on them.
Source of the alphabets: STAR (arXiv 2411.17800), section 3; alphabets marked *ours* are not in the paper.
"""

from enum import IntEnum


class TokenMixing(IntEnum):
    """The structure of the token-mixing matrix T; a memory cell, nonlinear in its state, has no T and is no LIV."""

    DIAGONAL = 1
    LOW_RANK = 2
    TOEPLITZ = 3
    SEMI_SEPARABLE = 4
    DELTA = 5
    MEMORY_CELL = 6


class Sparsity(IntEnum):
    """The entries of T that may be nonzero; of a feature, the tokens that its convolution reaches.

    A feature whose convolution is ROUTED is convolved for each route, over the tokens that take the route alone.
    """

    NONE = 1
    BANDED = 2
    ROUTED = 3


class Nonlinearity(IntEnum):
    """A function of the entries of T (operator level) or of a feature (featurizer level).

    NORMALISED divides every row of T by its sum. ELU is elu(x) + 1, which is positive everywhere. GELU(x) is x
    times the probability that a standard normal variable is at most x.
    """

    NONE = 1
    SOFTMAX = 2
    RELU = 3
    SILU = 4
    SIGMOID = 5
    NORMALISED = 6
    ELU = 7
    GELU = 8


class ChannelMixing(IntEnum):
    """The heads that channels form (operator level), or the channels that a projection mixes (featurizer level).

    OUTER has heads whose filter runs over the outer product b v^T instead of over b * v channel by channel. A feature
    of low rank is projected twice, through few channels: RANK_32ND through one for every 32 channels of its input
    (rounded up), RANK_16 through 16, and RANK_HEAD through as many as one of its heads has. ROUTED is dense, with
    weights of its own for each route.
    """

    DIAGONAL = 1
    DENSE = 2
    GROUPED = 3
    OUTER = 4
    RANK_32ND = 5
    RANK_16 = 6
    RANK_HEAD = 7
    ROUTED = 8


class FeatureTokenMixing(IntEnum):
    """TOEPLITZ gives a feature a short causal depthwise convolution over tokens; NONE gives it none.

    TOEPLITZ has 4 taps, BIASED also a bias, TOEPLITZ_3 has 3 taps, and BIASED_3 also a bias and one of the projection.
    """

    NONE = 1
    TOEPLITZ = 2
    BIASED = 3
    TOEPLITZ_3 = 4
    BIASED_3 = 5


class Source(IntEnum):
    """The origin of a feature group: the input, a constant, the position, or another group or output (ours).

    A group from the VALUES is projected from the group v, after its convolution and nonlinearity. OUTPUT is the output
    of the structure, and CONVOLVED the group x, the convolved input.
    """

    PROJECTED = 1
    CONSTANT = 2
    POSITION = 3
    VALUES = 4
    OUTPUT = 5
    CONVOLVED = 6


class Generator(IntEnum):
    """The parametrisation of a feature (ours); NONE is the plain projection or the learned constant.

    A filter is explicit taps, an implicit MLP, explicit taps times a decay, or the impulse response of a state-space
    model (real or complex modes, normalised modes, diagonal plus low rank, dense, companion, rational); the number in
    its name counts taps or numbers of state; RATIONAL_ZERO_16 begins with coefficients of zero. SINE_NET is the
    implicit MLP of Hyena as published, and WEAK_128 has the slow decays of StripedHyena 2. Constants are decays of zero
    (ZERO), fixed decays (FIXED) and ones (ONES). Of the decays, FORGET is the logarithm of a sigmoid, SOFTMAX makes the
    state a softmax over time, RATE is a learned rate times a softplus, and BOUNDED is a sigmoid above a learned lower
    bound, which begins higher in deeper LIVs. COMPLEMENT gives keys that are 1 minus the decay, TIED gives values that
    are the first channels of the keys, and ROTARY rotates a projection by its position. Of the routes, TOP_1 weights
    one route by its probability, TOP_2 weights two routes by probabilities rescaled to sum to 1, TOP_2_SHARED adds a
    route that every token takes, and GATE passes a token or drops it. BIASED is a projection with a bias. LATENT_NORM
    normalises the latent of keys, not the rotated channels behind it. GLU makes the output projection a gated linear
    unit.
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
    RATIONAL_ZERO_16 = 17
    SINE_NET = 18
    WEAK_128 = 19
    COMPLEMENT = 20
    SOFTMAX = 21
    FORGET = 22
    TIED = 23
    ROTARY = 24
    RATE = 25
    BOUNDED = 26
    TOP_1 = 30
    TOP_2 = 31
    TOP_2_SHARED = 32
    GATE = 33
    COMPLEX_MODAL_4 = 34
    COMPLEX_MODAL_8 = 35
    COMPLEX_MODAL_32 = 36
    COMPLEX_MODAL_64 = 37
    GLU = 40
    LATENT_NORM = 41
    BIASED = 42


class Expansion(IntEnum):
    """Channels of a feature group.

    SAME has as many as the input, MLP has 8/3 times as many (rounded up to a multiple of 16), STATE_n has n, and
    PER_HEAD has one for each head. LATENT has four times the channels of a head, beside group u one head for queries;
    its queries and keys have half a head more, which is rotated by its position. FOUR and EIGHT are numbers of routes.
    EXPERT is the width of one expert, half of MLP. DOUBLE has twice as many channels as the input in as many heads,
    DOUBLE_HEADS in twice as many heads, and HALF has half as many in as many heads, at least one channel each. PAIRED
    has twice the channels of a head in half as many heads.
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
    DOUBLE = 12
    DOUBLE_HEADS = 13
    HALF = 14
    PAIRED = 15


class Repeat(IntEnum):
    """The number of heads that share one head of this group, as in grouped-query attention; 0 means all heads."""

    ALL = 0
    ONE = 1
    TWO = 2
    FOUR = 4
    SIXTEEN = 16


class Normalisation(IntEnum):
    """The normalisation of a feature to unit length per head; an output gate normalises the output instead (ours).

    Of output gates, L2 normalises each head of the output and then gates it, WHOLE normalises all channels together and
    then gates them, and GATED gates them first and then normalises all channels together. GROUP subtracts
    the mean of each head of the output, divides it by its standard deviation, and then gates it.
    """

    NONE = 1
    L2 = 2
    WHOLE = 3
    GATED = 4
    GROUP = 5
