"""Which filters are the impulse response of a state-space model, and in which form they are written."""

from genome.classes.alphabet import Generator
from star.ops.convolution.state_space import Modes, StateSpace, System

FORMS: dict[Generator, StateSpace] = {
    **dict.fromkeys(
        (
            Generator.REAL_MODAL_16,
            Generator.COMPLEX_MODAL_16,
            Generator.NORMALISED_MODAL_16,
            Generator.COMPLEX_MODAL_2,
        ),
        Modes(),
    ),
    **dict.fromkeys(
        (Generator.DPLR_16, Generator.DENSE_16, Generator.COMPANION_16, Generator.RATIONAL_16),
        System(),
    ),
}
"""The form of each generator that has a state."""
