"""T_ij = h_{i-j} (c_i . b_j) / sqrt K: long convolutions with heads (Multi-Hyena, Massaroli et al. 2023, section 4).

A head's filter runs over the outer products b_j v_j^T, of which c_i reads one combination: what linear attention sums
with equal weight is here weighed by distance.

B batch, L new tokens, T tokens so far, H heads (one filter each), K channels of c and b and V of v per head, P = K V
products, W taps, N numbers of state for each product.
"""

import torch
from torch import Tensor

from star.cache import Store
from star.ops.convolution import naive as naive_convolution
from star.ops.convolution.state_space import StateSpace
from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.outer_product import naive
from star.ops.outer_product.convolution import outer_product_convolution, outer_products, read, uses_fft
from star.structures.structure import Features
from star.structures.toeplitz import Toeplitz, precise

CHUNK = 128
"""Tokens that are mixed by T written out before the rest is read from the state."""


class Outer(Toeplitz):
    """The groups are c_BLHK and b_BLHK, the filter h (as in `Toeplitz`), and v_BLHV."""

    def exactly_causal(self, length: int) -> bool:
        reach = length if self.taps is None else min(self.taps, length)
        return self.form is not None or not self._uses_fft(reach)

    def mix(self, features: Features) -> Tensor:
        c_BLHK, b_BLHK, v_BLHV = self._inputs(features)
        if self.form is not None:
            u_BLHP = naive_convolution.state_space(self.form, features["h"], outer_products(b_BLHK, v_BLHV), self.order)
            return read(c_BLHK, u_BLHP)
        h_HW = self.filters(features["h"], c_BLHK.shape[1]).to(c_BLHK.dtype)
        return naive.outer_product_convolution(c_BLHK, b_BLHK, v_BLHV, h_HW)

    def fast(self, features: Features) -> Tensor:
        inputs, length = self._inputs(features), features["v"].shape[1]
        if self.form is None or not self._uses_fft(length):
            return outer_product_convolution(*inputs, self.filters(features["h"], length))
        nothing = inputs[2].new_zeros(inputs[2].shape[0], *self.memory(0)["state"])
        return self._carried(self.form, features["h"], inputs, nothing)[0]

    def step(self, features: Features, store: Store) -> Tensor:
        c_BLHK, b_BLHK, v_BLHV = self._inputs(features)
        if self.form is not None:
            y_BLHV, state = self._carried(self.form, features["h"], (c_BLHK, b_BLHK, v_BLHV), store["state"])
            store["state"] = state.to(store["state"].dtype)
            return y_BLHV
        keep = None if self.taps is None else self.taps - 1
        b_BTHK, v_BTHV = store.append("b.tail", b_BLHK, keep), store.append("v.tail", v_BLHV, keep)
        return outer_product_convolution(c_BLHK, b_BTHK, v_BTHV, self.filters(features["h"], b_BTHK.shape[1]))

    def matrix(self, features: Features) -> Tensor:
        c_BLHK, b_BLHK, _ = self._inputs(features)
        length = c_BLHK.shape[1]
        h_HLL = toeplitz(self.filters(features["h"], length).to(c_BLHK.dtype), length, length)
        return torch.einsum("bihk,bjhk->bhij", c_BLHK, b_BLHK) * h_HLL

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        keys, values = self.extents["b"], self.extents["v"]
        if self.order:
            return {"state": (self.heads, keys.size * values.size, self.order)}
        kept = tokens if self.taps is None else min(tokens, self.taps - 1)
        return {"b.tail": (kept, *keys), "v.tail": (kept, *values)}

    def flops(self, context: int) -> int:
        keys, values = self.extents["b"].size, self.extents["v"].size
        if self.form is not None:
            return self.heads * keys * values * (self.form.flops(self.order) + 3)
        reach = context if self.taps is None else min(context, self.taps)
        return self.heads * reach * (2 * keys + 2 * values + 1)

    def _uses_fft(self, reach: int) -> bool:
        return uses_fft(reach, self.extents["b"].size, self.extents["v"].size)

    def _inputs(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        c_BLHK = features["c"]
        return c_BLHK * c_BLHK.shape[-1] ** -0.5, features["b"], features["v"]

    def _carried(
        self, form: StateSpace, h: Tensor, inputs: tuple[Tensor, Tensor, Tensor], state_BHPN: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Exact, chunk after chunk, in float32 at least: a chunk by T itself, what lies before it from the state."""
        h, outputs = precise(h), []
        h_HW, state_BHPN = self.filters(h, min(CHUNK, inputs[0].shape[1])), state_BHPN.to(h.dtype)
        for c_BLHK, b_BLHK, v_BLHV in zip(*(torch.split(x.to(h.dtype), CHUNK, dim=1) for x in inputs), strict=True):
            before_BLHP, state_BHPN = form.reach(h, state_BHPN, outer_products(b_BLHK, v_BLHV))
            outputs.append(outer_product_convolution(c_BLHK, b_BLHK, v_BLHV, h_HW) + read(c_BLHK, before_BLHP))
        return torch.cat(outputs, dim=1).to(inputs[0].dtype), state_BHPN
