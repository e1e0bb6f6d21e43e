"""T_ij = h_{i-j} (c_i . b_j) / sqrt K: long convolutions with heads (Multi-Hyena, Massaroli et al. 2023, section 4).

The filter of a head convolves the outer products b_j v_j^T, and the query c_i reads the filtered products. Linear
attention sums the products with equal weights; the filter weights them by distance.

B batch, L new tokens, T tokens so far, H heads (one filter each), K channels of c and b and V of v per head, P = K V
products, W taps, N numbers of state for each product.
"""

from functools import cached_property

import torch
from torch import Tensor

from star.cache import Store
from star.filter import Filter
from star.ops.convolution import naive as naive_convolution
from star.ops.convolution.state_space import StateSpace
from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.outer_product import naive
from star.ops.outer_product.convolution import outer_product_convolution, outer_products, read, uses_fft
from star.ops.precision import at_least_float32
from star.structures.structure import Features, Structure

CHUNK = 128
"""Tokens of a chunk: T is computed within a chunk, and earlier tokens are read from the state."""


class Outer(Structure):
    """The groups are c_BLHK and b_BLHK, the filter h (taps h_HW or the parameters of a `StateSpace`), and v_BLHV."""

    per_token = ("c", "b", "v")

    @cached_property
    def filter(self) -> Filter:
        return Filter(self.featurizer["h"].generator, self.window)

    def exactly_causal(self, length: int) -> bool:
        reach = length if self.filter.reach is None else min(self.filter.reach, length)
        return self.filter.model is not None or not self._uses_fft(reach)

    def mix(self, features: Features) -> Tensor:
        c_BLHK, b_BLHK, v_BLHV = _inputs(features)
        if self.filter.model is not None:
            u_BLHP = outer_products(b_BLHK, v_BLHV)
            filtered_BLHP = naive_convolution.state_space(self.filter.model, features["h"], u_BLHP, self.filter.order)
            return read(c_BLHK, filtered_BLHP)
        h_HW = self.filter.taps(features["h"], c_BLHK.shape[1]).to(c_BLHK.dtype)
        return naive.outer_product_convolution(c_BLHK, b_BLHK, v_BLHV, h_HW)

    def fast(self, features: Features) -> Tensor:
        inputs, length = _inputs(features), features["v"].shape[1]
        if self.filter.model is None or not self._uses_fft(length):
            return outer_product_convolution(*inputs, self.filter.taps(features["h"], length))
        zero_BHPN = inputs[2].new_zeros(inputs[2].shape[0], *self.memory(0)["state"])
        return self._advance(self.filter.model, features["h"], inputs, zero_BHPN)[0]

    def step(self, features: Features, store: Store) -> Tensor:
        c_BLHK, b_BLHK, v_BLHV = _inputs(features)
        if self.filter.model is not None:
            inputs = c_BLHK, b_BLHK, v_BLHV
            y_BLHV, state_BHPN = self._advance(self.filter.model, features["h"], inputs, store["state"])
            store["state"] = state_BHPN.to(store["state"].dtype)
            return y_BLHV
        keep = None if self.filter.reach is None else self.filter.reach - 1
        b_BTHK, v_BTHV = store.append("b.tail", b_BLHK, keep), store.append("v.tail", v_BLHV, keep)
        h_HW = self.filter.taps(features["h"], b_BTHK.shape[1])
        return outer_product_convolution(c_BLHK, b_BTHK, v_BTHV, h_HW)

    def matrix(self, features: Features) -> Tensor:
        c_BLHK, b_BLHK, _ = _inputs(features)
        length = c_BLHK.shape[1]
        h_HLL = toeplitz(self.filter.taps(features["h"], length).to(c_BLHK.dtype), length, length)
        return torch.einsum("bihk,bjhk->bhij", c_BLHK, b_BLHK) * h_HLL

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        keys, values = self.head_sizes["b"], self.head_sizes["v"]
        if self.filter.order:
            return {"state": (self.heads, keys.size * values.size, self.filter.order)}
        kept = tokens if self.filter.reach is None else min(tokens, self.filter.reach - 1)
        return {"b.tail": (kept, *keys), "v.tail": (kept, *values)}

    def flops(self, context: int) -> int:
        keys, values = self.head_sizes["b"].size, self.head_sizes["v"].size
        if self.filter.model is not None:
            return self.heads * keys * values * (self.filter.model.flops(self.filter.order) + 3)
        reach = context if self.filter.reach is None else min(context, self.filter.reach)
        return self.heads * reach * (2 * keys + 2 * values + 1)

    def _uses_fft(self, reach: int) -> bool:
        return uses_fft(reach, self.head_sizes["b"].size, self.head_sizes["v"].size)

    def _advance(
        self, model: StateSpace, h: Tensor, inputs: tuple[Tensor, Tensor, Tensor], state_BHPN: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute y_BLHV and the last state, chunk by chunk in float32 at least, exactly causal.

        A chunk reads its own tokens through T and earlier tokens from the state.
        """
        h, outputs = h.to(at_least_float32(h)), []
        h_HW, state_BHPN = self.filter.taps(h, min(CHUNK, inputs[0].shape[1])), state_BHPN.to(h.dtype)
        for c_BLHK, b_BLHK, v_BLHV in zip(*(torch.split(x.to(h.dtype), CHUNK, dim=1) for x in inputs), strict=True):
            earlier_BLHP, state_BHPN = model.reach(h, state_BHPN, outer_products(b_BLHK, v_BLHV))
            outputs.append(outer_product_convolution(c_BLHK, b_BLHK, v_BLHV, h_HW) + read(c_BLHK, earlier_BLHP))
        return torch.cat(outputs, dim=1).to(inputs[0].dtype), state_BHPN


def _inputs(features: Features) -> tuple[Tensor, Tensor, Tensor]:
    """Return c_BLHK / sqrt K, b_BLHK and v_BLHV."""
    c_BLHK = features["c"]
    return c_BLHK * c_BLHK.shape[-1] ** -0.5, features["b"], features["v"]
