"""Filters that are the impulse response of a linear system with a small state: as taps, and as a recurrence.

Two ways to write such a filter, both with the input's direct way to the output:
modes h_HM2 = (log pole, residue) or h_HM4 = (log size and angle of the pole, real and imaginary residue):
    s_t = pole s_{t-1} + u_t, y_t = sum_n Re(residue_n s_nt); the last of the M rows is no mode: its residue is direct.
systems h_HMM = [[A, B], [C, D]]: (s_{t+1}, y_t) = h (s_t, u_t).

B batch, L tokens, H heads, V channels per head, N numbers of state, M = N + 1 rows, T distances.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from star.ops.convolution.causal import causal

FORGOTTEN = -1e4
"""The log pole of the direct row: its power is 1 at distance 0 and exactly 0 at every other."""


class StateSpace(ABC):
    """How one form of filter is used. All tensors are of one real dtype; states are (B, H, V, N)."""

    @abstractmethod
    def taps(self, h: Tensor, length: int) -> Tensor:
        """The filter at distances 0 ... length - 1: h_HT."""

    @abstractmethod
    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        """One token: y_BHV and the next state. This is the meaning; the others must agree with it."""

    @abstractmethod
    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        """What the state adds to the next L outputs, and the state after these L inputs."""

    @abstractmethod
    def flops(self, order: int) -> int:
        """Of a step, for one channel with so many numbers of state; a multiply-add is two."""

    def advance(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        """L tokens at once: y_BLHV and the last state."""
        h_DT = self.taps(h, u_BLHV.shape[1]).repeat_interleave(u_BLHV.shape[3], dim=0)
        remembered_BLHV, state_BHVN = self.reach(h, state_BHVN, u_BLHV)
        return causal(u_BLHV.flatten(2), h_DT).view_as(u_BLHV) + remembered_BLHV, state_BHVN


class Modes(StateSpace):
    """Real modes, or complex ones that stand for themselves and their conjugates; states hold real and imaginary."""

    def taps(self, h: Tensor, length: int) -> Tensor:
        log_HM, residue_HM = _modes(h)
        block = max(1, round(length**0.5))
        near_HMJ = _powers(log_HM, torch.arange(block, device=h.device))
        far_HMQ = residue_HM.unsqueeze(-1) * _powers(log_HM, torch.arange(0, length, block, device=h.device))
        return (far_HMQ.transpose(1, 2) @ near_HMJ).real.flatten(1)[:, :length]

    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        log_HM, residue_HM = _modes(h)
        state = _inner(state_BHVN, log_HM) * log_HM[:, None, :-1].exp() + u_BHV.unsqueeze(-1)
        y_BHV = (residue_HM[:, None, :-1] * state).sum(-1).real + residue_HM.real[:, -1:] * u_BHV
        return y_BHV, _outer(state)

    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        log_HM, residue_HM = _modes(h)
        length = u_BLHV.shape[1]
        state = _inner(state_BHVN, log_HM)
        powers_HNT = _powers(log_HM[:, :-1], torch.arange(length + 1, device=h.device))
        read = residue_HM[:, None, :-1] * state
        y_BLHV = torch.einsum("bhvn,hnt->bthv", read, powers_HNT[..., 1:]).real
        written = torch.einsum("bthv,hnt->bhvn", u_BLHV.to(read.dtype), powers_HNT[..., :-1].flip(-1))
        return y_BLHV, _outer(powers_HNT[:, None, :, -1] * state + written)

    def flops(self, order: int) -> int:
        return 6 * order


class System(StateSpace):
    """Any state-space model, its matrices written out."""

    def taps(self, h: Tensor, length: int) -> Tensor:
        a_HNN, b_HN, c_HN, d_H1 = _blocks(h)
        block = max(1, round(length**0.5))
        near_HNJ = krylov(a_HNN.transpose(1, 2), c_HN, block)
        far_HNQ = krylov(torch.linalg.matrix_power(a_HNN, block), b_HN, -(-length // block))
        later_HT = (far_HNQ.transpose(1, 2) @ near_HNJ).flatten(1)
        return torch.cat([d_H1, later_HT], dim=1)[:, :length]

    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        after_BHVM = torch.einsum("bhvm,hnm->bhvn", torch.cat([state_BHVN, u_BHV.unsqueeze(-1)], dim=-1), h)
        return after_BHVM[..., -1], after_BHVM[..., :-1]

    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        a_HNN, b_HN, c_HN, _ = _blocks(h)
        length = u_BLHV.shape[1]
        y_BLHV = torch.einsum("bhvn,hnt->bthv", state_BHVN, krylov(a_HNN.transpose(1, 2), c_HN, length))
        written = torch.einsum("bthv,hnt->bhvn", u_BLHV, krylov(a_HNN, b_HN, length).flip(-1))
        kept = torch.einsum("hnm,bhvm->bhvn", torch.linalg.matrix_power(a_HNN, length), state_BHVN)
        return y_BLHV, kept + written

    def flops(self, order: int) -> int:
        return 2 * (order + 1) ** 2


def krylov(a_HNN: Tensor, x_HN: Tensor, count: int) -> Tensor:
    """x, A x, ..., A^(count - 1) x as columns, (H, N, count): each squaring of A doubles how many there are."""
    columns_HNT = x_HN.unsqueeze(-1)
    while columns_HNT.shape[-1] < count:
        columns_HNT = torch.cat([columns_HNT, a_HNN @ columns_HNT], dim=-1)
        a_HNN = a_HNN @ a_HNN
    return columns_HNT[..., :count]


def _modes(h: Tensor) -> tuple[Tensor, Tensor]:
    """Log poles and residues, real or complex."""
    paired = h if h.shape[-1] == 2 else torch.view_as_complex(torch.unflatten(h, -1, (2, 2)).contiguous())
    return paired[..., 0], paired[..., 1]


def _powers(log_HM: Tensor, exponents_T: Tensor) -> Tensor:
    return torch.exp(log_HM.unsqueeze(-1) * exponents_T)


def _inner(state_BHVN: Tensor, like: Tensor) -> Tensor:
    if not like.is_complex():
        return state_BHVN
    return torch.view_as_complex(torch.unflatten(state_BHVN, -1, (-1, 2)).contiguous())


def _outer(state: Tensor) -> Tensor:
    return torch.view_as_real(state).flatten(-2) if state.is_complex() else state


def _blocks(h_HMM: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return h_HMM[:, :-1, :-1], h_HMM[:, :-1, -1], h_HMM[:, -1, :-1], h_HMM[:, -1, -1:]
