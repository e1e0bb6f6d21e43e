"""T_ij = c_i h_{i-j} b_j: gated convolutions (Hyena, Poli et al. 2023; LFM2's short convolution; S4 and its variants).

The filter is given as taps or, if it is the impulse response of a state-space model, as the model: training then
convolves with its taps, and decoding runs its recurrence with a state of constant size. A banded operator cuts a filter
of either form after `window` taps and decodes from the inputs of the last `window` - 1 tokens.

B batch, L new tokens, T tokens so far, H heads (one filter each), V channels per head, D = H V channels, W taps,
N numbers of state.
"""

from functools import cached_property

import torch
from torch import Tensor

from star.cache import Store
from star.filter import Filter
from star.ops.convolution import naive
from star.ops.convolution.causal import DIRECT_TAPS, causal, last_output
from star.ops.convolution.state_space import StateSpace
from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.dispatch import gated_convolution
from star.ops.precision import at_least_float32
from star.structures.structure import Features, Structure

CHUNK = 1024
"""Tokens of a prompt that a recurrence computes at once, with N numbers in memory for each token and channel."""


class Toeplitz(Structure):
    """The groups are the gates c and b, the filter h (taps h_HW or the parameters of a `StateSpace`), and v."""

    per_token = ("c", "b", "v")

    @cached_property
    def filter(self) -> Filter:
        return Filter(self.featurizer["h"].generator, self.window)

    def exactly_causal(self, length: int) -> bool:
        return (self.filter.reach or length) <= DIRECT_TAPS

    def mix(self, features: Features) -> Tensor:
        if self.filter.model is not None:
            u_BLHV = features["b"] * features["v"]
            return features["c"] * naive.state_space(self.filter.model, features["h"], u_BLHV, self.filter.order)
        v_BLHV = features["v"]
        h_HW = self.filter.taps(features["h"], v_BLHV.shape[1]).to(v_BLHV.dtype)
        return naive.gated_convolution(features["c"], features["b"], v_BLHV, h_HW)

    def fast(self, features: Features) -> Tensor:
        c_BLD, b_BLD, v_BLD = (features[name].flatten(2) for name in ("c", "b", "v"))
        length = c_BLD.shape[1]
        filters = self._per_channel if (self.filter.reach or length) <= DIRECT_TAPS else self._per_head
        y_BLD = gated_convolution(c_BLD, b_BLD, v_BLD, filters(features["h"], length))
        return torch.unflatten(y_BLD, 2, (self.heads, -1))

    def step(self, features: Features, store: Store) -> Tensor:
        u_BLHV = features["b"] * features["v"]
        if self.filter.model is not None:
            return features["c"] * _advance(self.filter.model, features["h"], u_BLHV, store)
        length = u_BLHV.shape[1]
        keep = None if self.filter.reach is None else self.filter.reach - 1
        u_BTD = store.append("tail", u_BLHV.flatten(2), keep)
        h_DW = self._per_channel(features["h"], u_BTD.shape[1]).to(u_BTD.dtype)
        y_BLD = last_output(u_BTD, h_DW) if length == 1 else causal(u_BTD, h_DW)[:, -length:]
        return features["c"] * y_BLD.view_as(u_BLHV)

    def matrix(self, features: Features) -> Tensor:
        c_BLD, b_BLD = features["c"].flatten(2), features["b"].flatten(2)
        length = c_BLD.shape[1]
        h_DW = self._per_channel(features["h"], length).to(c_BLD.dtype)
        k_DLL = toeplitz(h_DW, length, length)
        return c_BLD.transpose(1, 2).unsqueeze(3) * k_DLL * b_BLD.transpose(1, 2).unsqueeze(2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        if self.filter.order:
            return {"state": (self.heads, self.head_sizes["v"].size, self.filter.order)}
        return {"tail": (tokens if self.filter.reach is None else self.filter.reach - 1, self.channels)}

    def flops(self, context: int) -> int:
        if self.filter.model is not None:
            return self.channels * (self.filter.model.flops(self.filter.order) + 2)
        return 2 * self.channels * (context if self.filter.reach is None else self.filter.reach) + 2 * self.channels

    def _per_channel(self, h: Tensor, length: int) -> Tensor:
        """Return the taps of every channel, h_DW."""
        return self._per_head(h, length).repeat_interleave(self.head_sizes["v"].size, dim=0)

    def _per_head(self, h: Tensor, length: int) -> Tensor:
        """Return the taps of every head, h_HW, in float32 at least: their gradients are summed over channels."""
        h_HW = self.filter.taps(h, length)
        return h_HW.to(at_least_float32(h_HW))


def _advance(model: StateSpace, h: Tensor, u_BLHV: Tensor, store: Store) -> Tensor:
    """Compute the model's output y_BLHV for the next tokens.

    The state is stored in the cache's dtype and advanced in float32 at least, because errors add up over tokens.
    """
    h = h.to(at_least_float32(h))
    state_BHVN, outputs = store["state"].to(h.dtype), []
    for chunk_BLHV in torch.split(u_BLHV.to(h.dtype), CHUNK, dim=1):
        if chunk_BLHV.shape[1] == 1:
            y_BHV, state_BHVN = model.step(h, state_BHVN, chunk_BLHV.squeeze(1))
            outputs.append(y_BHV.unsqueeze(1))
        else:
            y_BLHV, state_BHVN = model.advance(h, state_BHVN, chunk_BLHV)
            outputs.append(y_BLHV)
    store["state"] = state_BHVN.to(store["state"].dtype)
    return torch.cat(outputs, dim=1).to(u_BLHV.dtype)
