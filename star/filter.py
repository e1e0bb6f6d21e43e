"""The filter of a convolution as taps or, where it is the impulse response of one, as a state-space model.

H heads (one filter each), W taps.
"""

from dataclasses import dataclass

from torch import Tensor

from genome.classes.alphabet import Generator
from genome.classes.quantities import STATES, TAPS
from star.ops.convolution.state_space import Modes, StateSpace, System
from star.ops.precision import at_least_float32, without_autocast

FORMS: dict[Generator, StateSpace] = {
    Generator.REAL_MODAL_16: Modes(),
    Generator.COMPLEX_MODAL_16: Modes(),
    Generator.NORMALISED_MODAL_16: Modes(),
    Generator.COMPLEX_MODAL_2: Modes(),
    Generator.COMPLEX_MODAL_4: Modes(),
    Generator.COMPLEX_MODAL_8: Modes(),
    Generator.COMPLEX_MODAL_32: Modes(),
    Generator.COMPLEX_MODAL_64: Modes(),
    Generator.DPLR_16: System(),
    Generator.DENSE_16: System(),
    Generator.COMPANION_16: System(),
    Generator.RATIONAL_16: System(),
    Generator.RATIONAL_ZERO_16: System(),
}
"""The form of the state-space model of each filter that is the impulse response of one."""


@dataclass(frozen=True)
class Filter:
    """One kind of filter, computed from the feature h: taps h_HW, or the parameters of a state-space model.

    Attributes:
        generator: the parametrisation of the filter.
        window: the number of taps after which a banded operator cuts it; None if it is not cut.
    """

    generator: Generator
    window: int | None

    @property
    def reach(self) -> int | None:
        """The number of taps; None where the filter reaches back to the first token."""
        bounds = [bound for bound in (TAPS[self.generator], self.window) if bound is not None]
        return min(bounds, default=None)

    @property
    def model(self) -> StateSpace | None:
        """The form of the state-space model that decodes the filter; None for a filter of taps and for a cut filter."""
        return FORMS.get(self.generator) if self.window is None else None

    @property
    def order(self) -> int:
        """Numbers of state for each channel; 0 without a model."""
        return STATES.get(self.generator, 0) if self.window is None else 0

    def taps(self, h: Tensor, length: int) -> Tensor:
        """Return the taps of every head, h_HW: `reach` of them, or one for each of `length` tokens if that is None."""
        form = FORMS.get(self.generator)
        reach = length if self.reach is None else self.reach
        if form is None:
            return h[:, :reach]
        with without_autocast(h):
            return form.taps(h.to(at_least_float32(h)), min(reach, length))
