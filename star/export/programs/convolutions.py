"""Convolutions in the form of programs: direct sums, and state-space models token by token in real numbers.

A filter that reaches back to the first token has as many taps as there are tokens so far, so every new token takes a
sum over all of them: O(L T) time, and no Fourier transform, for which ONNX has no filter of any length.

B batch, L new tokens, T tokens kept and new, H heads (one filter each), K channels of c and b and V of v per head,
W taps, D = H V channels, P = K V products, N numbers of state, M rows of a filter of modes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from star.cache import Store
from star.export.programs.modes import real_step, real_taps
from star.export.programs.tokens import States, over_tokens
from star.filter import FORMS, Filter
from star.ops.convolution.state_space import Modes, StateSpace, System
from star.ops.outer_product.convolution import outer_products, read
from star.ops.precision import at_least_float32
from star.structures.outer import Outer
from star.structures.structure import Features
from star.structures.toeplitz import Toeplitz

TAPS: dict[type[StateSpace], Callable[[Tensor, int], Tensor]] = {Modes: real_taps, System: System().taps}
"""The taps h_HW of a state-space model, in real numbers, from its parameters and the number of taps."""

STEPS: dict[type[StateSpace], Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    Modes: real_step,
    System: System().step,
}
"""The output (B, H, V) and the next state of a state-space model from its parameters, its state and its input."""


class RecordedToeplitz(Toeplitz):
    """`Toeplitz` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        u_BLHV = features["b"] * features["v"]
        if self.filter.model is not None:
            y_BLHV = _advance(self.filter.model, features["h"], u_BLHV, store)
        else:
            u_BTHV = torch.unflatten(store.append("tail", u_BLHV.flatten(2)), 2, u_BLHV.shape[2:])
            y_BLHV = self._filtered(features["h"], u_BTHV, u_BLHV.shape[1])
        return features["c"] * y_BLHV

    def _filtered(self, h: Tensor, u_BTHV: Tensor, length: int) -> Tensor:
        h_HW = taps(self.filter, h, u_BTHV.shape[1]).to(u_BTHV.dtype)
        if self.filter.reach is not None:
            h_DW = h_HW.repeat_interleave(u_BTHV.shape[3], dim=0)
            y_BDL = F.conv1d(u_BTHV.flatten(2).transpose(1, 2), h_DW.flip(1).unsqueeze(1), groups=len(h_DW))
            return torch.unflatten(y_BDL.transpose(1, 2), 2, u_BTHV.shape[2:])

        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (t,) = states
            recent_BWHV, known_HW = recent(t, h_HW, u_BTHV)
            return torch.einsum("hw,bwhv->bhv", known_HW, recent_BWHV), (t + 1,)

        return over_tokens(token, (first(length, u_BTHV),), (u_BTHV[:, :length],))[0]


class RecordedOuter(Outer):
    """`Outer` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        c_BLHK, b_BLHK, v_BLHV = features["c"] * features["c"].shape[-1] ** -0.5, features["b"], features["v"]
        if self.filter.model is not None:
            u_BLHP = outer_products(b_BLHK, v_BLHV)
            return read(c_BLHK, _advance(self.filter.model, features["h"], u_BLHP, store))
        b_BTHK, v_BTHV = store.append("b.tail", b_BLHK), store.append("v.tail", v_BLHV)
        h_HW = taps(self.filter, features["h"], b_BTHK.shape[1]).to(c_BLHK.dtype)

        def token(states: States, xs: States) -> tuple[Tensor, States]:
            (t,), (c_BHK,) = states, xs
            b_BWHK, known_HW = recent(t, h_HW, b_BTHK)
            v_BWHV, _ = recent(t, h_HW, v_BTHV)
            weight_BWH = (c_BHK.unsqueeze(1) * b_BWHK).sum(-1) * known_HW.T
            return torch.einsum("bwh,bwhv->bhv", weight_BWH, v_BWHV), (t + 1,)

        return over_tokens(token, (first(c_BLHK.shape[1], b_BTHK),), (c_BLHK,))[0]


def taps(own: Filter, h: Tensor, total: int) -> Tensor:
    """Return the taps h_HW in real numbers: `reach` of them, or one for each of T tokens."""
    form = FORMS.get(own.generator)
    if form is None:
        return h if own.reach is None else h[:, : own.reach]
    return TAPS[type(form)](h.to(at_least_float32(h)), cast(int, own.reach))


def first(length: int, x_BT: Tensor) -> Tensor:
    """Return the index of the first new token among all."""
    return torch.zeros((), dtype=torch.long) + (x_BT.shape[1] - length)


def recent(t: Tensor, h_HW: Tensor, x_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last W tokens up to token t, the last one first, and the taps, 0 where there is no token."""
    at_W = t - torch.arange(h_HW.shape[1])
    return x_BT.index_select(1, at_W.clamp(min=0)), h_HW * (at_W >= 0)


def _advance(model: StateSpace, h: Tensor, u_BLHV: Tensor, store: Store) -> Tensor:
    """Compute the model's output y_BLHV for the next tokens, in float32 at least."""
    kept_BHVN, h = store["state"], h.to(at_least_float32(h))

    def token(states: States, xs: States) -> tuple[Tensor, States]:
        y_BHV, state_BHVN = STEPS[type(model)](h, states[0], xs[0])
        return y_BHV, (state_BHVN,)

    y_BLHV, (state_BHVN,) = over_tokens(token, (kept_BHVN.to(h.dtype),), (u_BLHV.to(h.dtype),))
    store["state"] = state_BHVN.to(kept_BHVN.dtype)
    return y_BLHV.to(u_BLHV.dtype)
