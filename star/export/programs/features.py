"""Features in the form of programs.

B batch, L tokens, D model width, H heads, K channels per head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome.classes.quantities import STATES, TAPS
from star.cache import Store
from star.export.programs.tokens import States, over_tokens
from star.features.decay import FIRST_LOG_DECAY, SoftmaxDecay
from star.features.feature import Feature
from star.features.filters import ImplicitFilter, SineNet
from star.features.projection import Projection
from star.ops.precision import at_least_float32


class RecordedSoftmaxDecay(SoftmaxDecay):
    """`SoftmaxDecay` for programs, with the same sum token by token."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        assert store is not None
        name = f"{self.name}.mass"
        k_BLHK = Projection.forward(self, x_BLD, length, store).to(at_least_float32(x_BLD))
        empty_BHK = k_BLHK[:, 0] + FIRST_LOG_DECAY
        begins = torch.zeros((), dtype=torch.long) + store.position == 0
        kept_BHK = torch.where(begins, empty_BHK, store[name].to(k_BLHK.dtype))

        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (mass_BHK,), (k_BHK,) = states, xs
            return F.logsigmoid(mass_BHK - k_BHK), (torch.logaddexp(mass_BHK, k_BHK),)

        a_BLHK, (mass_BHK,) = over_tokens(token, (kept_BHK,), (k_BLHK,))
        store[name] = mass_BHK.to(store[name].dtype)
        return a_BLHK.to(x_BLD.dtype)


class RecordedImplicitFilter(ImplicitFilter):
    """`ImplicitFilter` for programs, which have no automatic mixed precision."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self._taps(length)


class RecordedSineNet(SineNet):
    """`SineNet` for programs, which have no automatic mixed precision."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self._taps(length)


class Constant(Feature):
    """A group that depends on the weights alone, computed when the model leaves."""

    value: Tensor

    def __init__(self, feature: Feature) -> None:
        super().__init__(feature.name, feature.width, feature.head_size, feature.group)
        with torch.no_grad():
            like_BLD = next(feature.parameters()).new_zeros(1, 1, feature.width)
            self.register_buffer("value", feature(like_BLD, 1, None).clone())

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.value

    def initialise(self, generator: Generator) -> None:
        """Draw nothing."""


def is_constant(feature: Feature) -> bool:
    """Return whether a filter has a fixed number of taps or of states, so that it depends on no length."""
    generator = feature.group.generator
    return generator in STATES or TAPS.get(generator) is not None


def recorded(kind: type[Feature], feature: Feature) -> Feature:
    """Return the feature as one of this kind, with the same weights."""
    other = kind(feature.name, feature.width, feature.head_size, feature.group)
    other.load_state_dict(feature.state_dict(), assign=True)
    return other
