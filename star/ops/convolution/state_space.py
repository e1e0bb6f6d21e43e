"""Filters that are the impulse response of a linear system with a small state: as taps, and as a recurrence.

Both forms include the direct path from the input to the output:
modes h_HM2 = (log pole, residue) or h_HM4 = (log modulus and angle of the pole, real and imaginary residue):
    s_t = pole s_{t-1} + u_t, y_t = sum_n Re(residue_n s_nt); the last of the M rows holds the gain of the direct path.
systems h_HMM = [[A, B], [C, D]]: (s_{t+1}, y_t) = h (s_t, u_t).

B batch, L tokens, H heads, V channels per head, N numbers of state, M = N + 1 rows, T distances, of which J neighbours
form each of Q tiles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from star.ops.convolution.causal import causal

FORGOTTEN = -1e4
"""The log pole of the direct path: its power is 1 at distance 0 and exactly 0 at every other distance."""


class StateSpace(ABC):
    """The functions of one form of state-space model. All tensors have one real dtype; states are (B, H, V, N)."""

    @abstractmethod
    def taps(self, h: Tensor, length: int) -> Tensor:
        """Compute the filter at distances 0 ... length - 1: h_HT."""

    @abstractmethod
    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by one token: y_BHV and the next state. This function defines the model; the others agree with it."""

    @abstractmethod
    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the state's contribution to the next L outputs, y_BLHV, and the state after these L inputs."""

    @abstractmethod
    def flops(self, order: int) -> int:
        """Count the FLOPs of a step for one channel with `order` numbers of state; a multiply-add counts as two."""

    def advance(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        """Advance by L tokens at once: y_BLHV and the last state."""
        h_DT = self.taps(h, u_BLHV.shape[1]).repeat_interleave(u_BLHV.shape[3], dim=0)
        from_state_BLHV, state_BHVN = self.reach(h, state_BHVN, u_BLHV)
        return causal(u_BLHV.flatten(2), h_DT).view_as(u_BLHV) + from_state_BLHV, state_BHVN


class Modes(StateSpace):
    """Real modes, or complex modes that each include their conjugate; the state holds real and imaginary parts."""

    def taps(self, h: Tensor, length: int) -> Tensor:
        log_HM, residue_HM = _modes(h)
        tile = max(1, round(length**0.5))
        near_HMJ = _powers(log_HM, torch.arange(tile, device=h.device))
        far_HMQ = residue_HM.unsqueeze(-1) * _powers(log_HM, torch.arange(0, length, tile, device=h.device))
        return (far_HMQ.transpose(1, 2) @ near_HMJ).real.flatten(1)[:, :length]

    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        log_HM, residue_HM = _modes(h)
        state = _as_modes(state_BHVN, log_HM) * log_HM[:, None, :-1].exp() + u_BHV.unsqueeze(-1)
        y_BHV = (residue_HM[:, None, :-1] * state).sum(-1).real + residue_HM.real[:, -1:] * u_BHV
        return y_BHV, _as_real(state)

    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        log_HM, residue_HM = _modes(h)
        length = u_BLHV.shape[1]
        state = _as_modes(state_BHVN, log_HM)
        powers_HNT = _powers(log_HM[:, :-1], torch.arange(length + 1, device=h.device))
        read = residue_HM[:, None, :-1] * state
        y_BLHV = torch.einsum("bhvn,hnt->bthv", read, powers_HNT[..., 1:]).real
        written = torch.einsum("bthv,hnt->bhvn", u_BLHV.to(read.dtype), powers_HNT[..., :-1].flip(-1))
        return y_BLHV, _as_real(powers_HNT[:, None, :, -1] * state + written)

    def flops(self, order: int) -> int:
        return 6 * order


class System(StateSpace):
    """Any state-space model, given by its dense matrices."""

    def taps(self, h: Tensor, length: int) -> Tensor:
        a_HNN, b_HN, c_HN, d_H1 = _matrices(h)
        tile = max(1, round(length**0.5))
        near_HNJ = krylov(a_HNN.transpose(1, 2), c_HN, tile)
        far_HNQ = krylov(torch.linalg.matrix_power(a_HNN, tile), b_HN, -(-length // tile))
        later_HT = (far_HNQ.transpose(1, 2) @ near_HNJ).flatten(1)
        return torch.cat([d_H1, later_HT], dim=1)[:, :length]

    def step(self, h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
        after_BHVM = torch.einsum("bhvm,hnm->bhvn", torch.cat([state_BHVN, u_BHV.unsqueeze(-1)], dim=-1), h)
        return after_BHVM[..., -1], after_BHVM[..., :-1]

    def reach(self, h: Tensor, state_BHVN: Tensor, u_BLHV: Tensor) -> tuple[Tensor, Tensor]:
        a_HNN, b_HN, c_HN, _ = _matrices(h)
        length = u_BLHV.shape[1]
        y_BLHV = torch.einsum("bhvn,hnt->bthv", state_BHVN, krylov(a_HNN.transpose(1, 2), c_HN, length))
        written = torch.einsum("bthv,hnt->bhvn", u_BLHV, krylov(a_HNN, b_HN, length).flip(-1))
        kept = torch.einsum("hnm,bhvm->bhvn", torch.linalg.matrix_power(a_HNN, length), state_BHVN)
        return y_BLHV, kept + written

    def flops(self, order: int) -> int:
        return 2 * (order + 1) ** 2


def krylov(a_HNN: Tensor, x_HN: Tensor, count: int) -> Tensor:
    """Compute x, A x, ..., A^(count - 1) x as columns, (H, N, count). Squaring A doubles the number of columns."""
    columns_HNT = x_HN.unsqueeze(-1)
    while columns_HNT.shape[-1] < count:
        columns_HNT = torch.cat([columns_HNT, a_HNN @ columns_HNT], dim=-1)
        a_HNN = a_HNN @ a_HNN
    return columns_HNT[..., :count]


def _modes(h: Tensor) -> tuple[Tensor, Tensor]:
    """Return log poles and residues, each (H, M), real or complex."""
    paired = h if h.shape[-1] == 2 else torch.view_as_complex(torch.unflatten(h, -1, (2, 2)).contiguous())
    return paired[..., 0], paired[..., 1]


def _powers(log_HM: Tensor, exponents_T: Tensor) -> Tensor:
    """Raise each pole to each power: (H, M, T)."""
    return torch.exp(log_HM.unsqueeze(-1) * exponents_T)


def _as_modes(state_BHVN: Tensor, like: Tensor) -> Tensor:
    """Return the state of every mode, complex where `like` is complex."""
    if not like.is_complex():
        return state_BHVN
    return torch.view_as_complex(torch.unflatten(state_BHVN, -1, (-1, 2)).contiguous())


def _as_real(state: Tensor) -> Tensor:
    """Return state_BHVN, with a complex state as real and imaginary part."""
    return torch.view_as_real(state).flatten(-2) if state.is_complex() else state


def _matrices(h_HMM: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return A, B, C and D of a system."""
    return h_HMM[:, :-1, :-1], h_HMM[:, :-1, -1], h_HMM[:, -1, :-1], h_HMM[:, -1, -1:]
