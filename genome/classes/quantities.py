"""Numbers that digits stand for: taps and states of filters, channels of states, routes of routed operators."""

from typing import NamedTuple

from genome.classes.alphabet import Expansion, Generator

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


class RouteChoice(NamedTuple):
    """How many routes a token chooses, and how many more it meets without a choice."""

    chosen: int
    shared: int = 0

    @property
    def met(self) -> int:
        """At most so many: a gate may stay shut."""
        return self.chosen + self.shared


ROUTE_CHOICES = {
    Generator.TOP_1: RouteChoice(1),
    Generator.TOP_2: RouteChoice(2),
    Generator.TOP_2_SHARED: RouteChoice(2, shared=1),
    Generator.GATE: RouteChoice(1),
}

ROUTE_COUNTS = {Expansion.SAME: 1, Expansion.FOUR: 4, Expansion.EIGHT: 8}
"""Routes to choose from; shared ones come on top."""
