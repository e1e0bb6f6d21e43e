"""T_ij = c_i h_{i-j} b_j: gated convolutions (Hyena, Poli et al. 2023; LFM2's short convolution; S4 and its kin).

The filter is given as taps or, where it is the impulse response of a state-space model, as that model: then training
convolves with its taps and decoding runs its recurrence, with a state that does not grow. Banded, the filter is cut
after `window` taps, however it is written: it decodes from a tail of so many tokens.

B batch, L tokens, H heads (one filter each), V channels per head, D = H V channels, W taps, N numbers of state.
"""

import torch
from torch import Tensor

from genome.classes.alphabet import Generator
from genome.classes.quantities import STATES, TAPS
from star.cache import Store
from star.ops.convolution import naive
from star.ops.convolution.causal import DIRECT_TAPS, causal
from star.ops.convolution.state_space import Modes, StateSpace, System
from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.dispatch import gated_convolution
from star.ops.precision import at_least_float32, without_autocast
from star.structures.structure import Features, Structure

FORMS: dict[Generator, StateSpace] = {
    Generator.REAL_MODAL_16: Modes(),
    Generator.COMPLEX_MODAL_16: Modes(),
    Generator.NORMALISED_MODAL_16: Modes(),
    Generator.COMPLEX_MODAL_2: Modes(),
    Generator.DPLR_16: System(),
    Generator.DENSE_16: System(),
    Generator.COMPANION_16: System(),
    Generator.RATIONAL_16: System(),
}
"""The form of the state-space model behind each filter that is the impulse response of one."""

CHUNK = 1024
"""Tokens of a prompt that a recurrence takes at once: it needs N numbers for each of them, channel by channel."""


class Toeplitz(Structure):
    """The groups are the gates c and b, the filter h (taps h_HW or a `StateSpace`), and v."""

    per_token = ("c", "b", "v")

    @property
    def generator(self) -> Generator:
        """How the filter is written down."""
        return self.featurizer["h"].generator

    @property
    def taps(self) -> int | None:
        """None where the filter reaches back to the first token."""
        bounds = [bound for bound in (TAPS[self.generator], self.window) if bound is not None]
        return min(bounds, default=None)

    @property
    def form(self) -> StateSpace | None:
        """How the state-space model is written that the filter decodes as; None for a filter of taps or a cut one."""
        return FORMS.get(self.generator) if self.window is None else None

    @property
    def order(self) -> int:
        """Numbers of state for each channel; 0 for a filter of taps or a cut one."""
        return STATES.get(self.generator, 0) if self.window is None else 0

    def exactly_causal(self, length: int) -> bool:
        return (self.taps or length) <= DIRECT_TAPS

    def mix(self, features: Features) -> Tensor:
        if self.form is not None:
            inputs_BLHV = features["b"] * features["v"]
            return features["c"] * naive.state_space(self.form, features["h"], inputs_BLHV, self.order)
        v_BLHV = features["v"]
        h_HW = self.filters(features["h"], v_BLHV.shape[1]).to(v_BLHV.dtype)
        return naive.gated_convolution(features["c"], features["b"], v_BLHV, h_HW)

    def fast(self, features: Features) -> Tensor:
        c_BLD, b_BLD, v_BLD = (features[name].flatten(2) for name in ("c", "b", "v"))
        h_DW = self._per_channel(features["h"], c_BLD.shape[1])
        y_BLD = gated_convolution(c_BLD, b_BLD, v_BLD, h_DW)
        return torch.unflatten(y_BLD, 2, (self.heads, -1))

    def step(self, features: Features, store: Store) -> Tensor:
        inputs_BLHV = features["b"] * features["v"]
        if self.form is not None:
            return features["c"] * self._advanced(self.form, features["h"], inputs_BLHV, store)
        length = inputs_BLHV.shape[1]
        keep = None if self.taps is None else self.taps - 1
        inputs_BTD = store.append("tail", inputs_BLHV.flatten(2), keep)
        h_DW = self._per_channel(features["h"], inputs_BTD.shape[1]).to(inputs_BTD.dtype)
        y_BLD = _latest(inputs_BTD, h_DW) if length == 1 else causal(inputs_BTD, h_DW)[:, -length:]
        return features["c"] * y_BLD.view_as(inputs_BLHV)

    def matrix(self, features: Features) -> Tensor:
        c_BLD, b_BLD = features["c"].flatten(2), features["b"].flatten(2)
        length = c_BLD.shape[1]
        h_DW = self._per_channel(features["h"], length).to(c_BLD.dtype)
        k_DLL = toeplitz(h_DW, length, length)
        return c_BLD.transpose(1, 2).unsqueeze(3) * k_DLL * b_BLD.transpose(1, 2).unsqueeze(2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        if self.order:
            return {"state": (self.heads, self.extents["v"].size, self.order)}
        return {"tail": (tokens if self.taps is None else self.taps - 1, self.channels)}

    def flops(self, context: int) -> int:
        if self.form is not None:
            return self.channels * (self.form.flops(self.order) + 2)
        return 2 * self.channels * (context if self.taps is None else self.taps) + 2 * self.channels

    def filters(self, h: Tensor, length: int) -> Tensor:
        """Taps of every head, h_HW: as many as the filter has or, where it is endless, as the input has tokens."""
        form = FORMS.get(self.generator)
        reach = length if self.taps is None else self.taps
        if form is None:
            return h[:, :reach]
        with without_autocast(h):
            return form.taps(precise(h), min(reach, length))

    def _per_channel(self, h: Tensor, length: int) -> Tensor:
        """The same for every channel, h_DW: in float32 at least, for their gradients are summed over channels."""
        return precise(self.filters(h, length)).repeat_interleave(self.extents["v"].size, dim=0)

    def _advanced(self, form: StateSpace, h: Tensor, inputs_BLHV: Tensor, store: Store) -> Tensor:
        """The state is kept in the cache's dtype and advanced in float32 at least: errors would add up over tokens."""
        h = precise(h)
        state_BHVN, outputs = store["state"].to(h.dtype), []
        for u_BLHV in torch.split(inputs_BLHV.to(h.dtype), CHUNK, dim=1):
            if u_BLHV.shape[1] == 1:
                y_BHV, state_BHVN = form.step(h, state_BHVN, u_BLHV.squeeze(1))
                outputs.append(y_BHV.unsqueeze(1))
            else:
                y_BLHV, state_BHVN = form.advance(h, state_BHVN, u_BLHV)
                outputs.append(y_BLHV)
        store["state"] = state_BHVN.to(store["state"].dtype)
        return torch.cat(outputs, dim=1).to(inputs_BLHV.dtype)


def precise(h: Tensor) -> Tensor:
    """In float32 at least."""
    return h.to(at_least_float32(h))


def _latest(inputs_BTD: Tensor, h_DW: Tensor) -> Tensor:
    """The filter's output at the last token, (B, 1, D)."""
    taps = min(inputs_BTD.shape[1], h_DW.shape[1])
    return torch.einsum("btd,dt->bd", inputs_BTD[:, -taps:], h_DW[:, :taps].flip(1)).unsqueeze(1)
