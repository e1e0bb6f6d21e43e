"""The numbers that digits denote: taps and states of filters, channels of states, routes of routed operators."""

from collections.abc import Callable
from typing import NamedTuple

from genome.classes.alphabet import ChannelMixing, Expansion, FeatureTokenMixing, Generator, Normalisation

STATES = {
    Generator.REAL_MODAL_16: 16,
    Generator.COMPLEX_MODAL_16: 16,
    Generator.DPLR_16: 16,
    Generator.COMPANION_16: 16,
    Generator.RATIONAL_16: 16,
    Generator.RATIONAL_ZERO_16: 16,
    Generator.DENSE_16: 16,
    Generator.NORMALISED_MODAL_16: 16,
    Generator.COMPLEX_MODAL_2: 2,
    Generator.COMPLEX_MODAL_4: 4,
    Generator.COMPLEX_MODAL_8: 8,
    Generator.COMPLEX_MODAL_32: 32,
    Generator.COMPLEX_MODAL_64: 64,
}
"""Real numbers of state per channel, for each filter that is the impulse response of a state-space model."""

TAPS: dict[Generator, int | None] = {
    Generator.EXPLICIT_3: 3,
    Generator.IMPLICIT: None,
    Generator.EXPLICIT_7: 7,
    Generator.DECAYING_128: 128,
    Generator.SINE_NET: None,
    Generator.WEAK_128: 128,
    **dict.fromkeys(STATES),
}
"""Number of taps of each filter; None for a filter that reaches back to the first token."""

RANKS: dict[ChannelMixing, Callable[[int, int], int]] = {
    ChannelMixing.RANK_32ND: lambda inputs, size: -(-inputs // 32),
    ChannelMixing.RANK_16: lambda inputs, size: 16,
    ChannelMixing.RANK_HEAD: lambda inputs, size: size,
}
"""Channels between the two factors of a projection of low rank, from its input channels and its channels per head.

Mamba-1 computes its steps from twice the width d through d / 16 channels (Gu & Dao 2023, section 3.6), a 32nd; GLA
computes its decays through 16 (Yang et al. 2024).
"""

HEAD_FACTORS = {Expansion.DOUBLE_HEADS: 2}
"""Factor by which values of this expansion multiply the heads of their operator; 1 for all others."""


class ShortConvolution(NamedTuple):
    """The taps of the short convolution of a feature; its bias, and the bias of the projection before it."""

    taps: int
    biased: bool = False
    projection_biased: bool = False


SHORT_CONVOLUTIONS = {
    FeatureTokenMixing.TOEPLITZ: ShortConvolution(4),
    FeatureTokenMixing.BIASED: ShortConvolution(4, biased=True),
    FeatureTokenMixing.TOEPLITZ_3: ShortConvolution(3),
    FeatureTokenMixing.BIASED_3: ShortConvolution(3, biased=True, projection_biased=True),
}
"""The short convolution of each token mixing of a feature: 4 taps as in Mamba, 3 as in Hyena."""

LEAST_NORMALISED = {Normalisation.L2: 2, Normalisation.GROUP: 3}
"""Channels that a head needs to be normalised by itself: with fewer it would be its sign, which has no gradient."""

BLOCK = 16
"""Tokens in a block of a banded recurrence: the side of a matrix tile, so that a block is one product in hardware."""

STATE_SIZES = {Expansion.STATE_2: 2, Expansion.STATE_16: 16, Expansion.STATE_64: 64, Expansion.STATE_128: 128}


class RouteChoice(NamedTuple):
    """The number of routes that a token chooses, and the number of shared routes that every token takes."""

    chosen: int
    shared: int = 0

    @property
    def total(self) -> int:
        """The largest number of routes that a token takes; a gate may drop the token, which then takes none."""
        return self.chosen + self.shared


ROUTE_CHOICES = {
    Generator.TOP_1: RouteChoice(1),
    Generator.TOP_2: RouteChoice(2),
    Generator.TOP_2_SHARED: RouteChoice(2, shared=1),
    Generator.GATE: RouteChoice(1),
}

ROUTE_COUNTS = {Expansion.SAME: 1, Expansion.FOUR: 4, Expansion.EIGHT: 8}
"""Number of routes that a token chooses among; shared routes are counted separately."""
