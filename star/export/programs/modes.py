"""Filters of modes in real numbers, as ONNX has no complex ones; their meaning is `star.ops.convolution.state_space`.

A mode is (log pole, residue), or (log modulus and angle of the pole, real and imaginary residue): h_HM2 or h_HM4.

B batch, H heads, V channels per head, N numbers of state, P modes in it, M = P + 1 rows, W taps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def real_taps(h: Tensor, length: int) -> Tensor:
    """Compute the filter at distances 0 ... length - 1, h_HW: sum of Re(residue pole^w) over all rows."""
    log_HM1, angle_HM1, real_HM1, imaginary_HM1 = (part.unsqueeze(-1) for part in _parts(h))
    w_W = torch.arange(length, dtype=h.dtype)
    turned_HMW = real_HM1 * (angle_HM1 * w_W).cos() - imaginary_HM1 * (angle_HM1 * w_W).sin()
    return ((log_HM1 * w_W).exp() * turned_HMW).sum(1)


def real_step(h: Tensor, state_BHVN: Tensor, u_BHV: Tensor) -> tuple[Tensor, Tensor]:
    """Advance by one token: y_BHV and the next state, which holds the two parts of a complex mode side by side."""
    log_HM, angle_HM, real_HM, imaginary_HM = _parts(h)
    modulus_H1P = log_HM[:, None, :-1].exp()
    gain_H1 = real_HM[:, -1:]
    if h.shape[-1] == 2:
        state_BHVN = state_BHVN * modulus_H1P + u_BHV.unsqueeze(-1)
        return (real_HM[:, None, :-1] * state_BHVN).sum(-1) + gain_H1 * u_BHV, state_BHVN
    across_H1P, up_H1P = modulus_H1P * angle_HM[:, None, :-1].cos(), modulus_H1P * angle_HM[:, None, :-1].sin()
    x_BHVP, y_BHVP = torch.unflatten(state_BHVN, -1, (-1, 2)).unbind(-1)
    x_BHVP, y_BHVP = x_BHVP * across_H1P - y_BHVP * up_H1P + u_BHV.unsqueeze(-1), x_BHVP * up_H1P + y_BHVP * across_H1P
    read_BHVP = real_HM[:, None, :-1] * x_BHVP - imaginary_HM[:, None, :-1] * y_BHVP
    return read_BHVP.sum(-1) + gain_H1 * u_BHV, torch.stack([x_BHVP, y_BHVP], dim=-1).flatten(-2)


def _parts(h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return log modulus, angle, and real and imaginary residue, each (H, M)."""
    if h.shape[-1] == 4:
        log_HM, angle_HM, real_HM, imaginary_HM = h.unbind(-1)
        return log_HM, angle_HM, real_HM, imaginary_HM
    log_HM, residue_HM = h.unbind(-1)
    return log_HM, torch.zeros_like(log_HM), residue_HM, torch.zeros_like(log_HM)
