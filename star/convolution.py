"""Causal convolution over tokens, with one filter per channel.

B batch, L tokens, D channels, W taps.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

DIRECT_TAPS = 16
"""Up to this many taps a sum of shifted products is faster than the FFT."""


def causal(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """y_t = sum_w h_w x_{t-w}, in the dtype of x; zero before the first token."""
    if h_DW.shape[1] <= DIRECT_TAPS:
        return shifted_sum(x_BLD, h_DW.to(x_BLD.dtype))
    return fft(x_BLD, h_DW)


def shifted_sum(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """The direct form: exactly causal, O(L W)."""
    y_BLD: Tensor = _ShiftedSum.apply(x_BLD, h_DW)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return y_BLD


class _ShiftedSum(torch.autograd.Function):
    """By hand, forward and backward take half the time that autograd's chain of slices takes."""

    @staticmethod
    def forward(ctx: Any, x_BLD: Tensor, h_DW: Tensor) -> Tensor:
        ctx.save_for_backward(x_BLD, h_DW)
        h_WD, length = h_DW.T.contiguous(), x_BLD.shape[1]
        y_BLD = x_BLD * h_WD[0]
        for w in range(1, min(len(h_WD), length)):
            y_BLD[:, w:].addcmul_(x_BLD[:, : length - w], h_WD[w])
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (dy_BLD,) = grads
        x_BLD, h_DW = ctx.saved_tensors
        h_WD, length = h_DW.T.contiguous(), x_BLD.shape[1]
        dx_BLD, dh_WD = dy_BLD * h_WD[0], torch.zeros_like(h_WD)
        scratch = dy_BLD * x_BLD
        torch.sum(scratch, (0, 1), out=dh_WD[0])
        for w in range(1, min(len(h_WD), length)):
            later, earlier = dy_BLD[:, w:], x_BLD[:, : length - w]
            dx_BLD[:, : length - w].addcmul_(later, h_WD[w])
            torch.sum(torch.mul(later, earlier, out=scratch[:, : length - w]), (0, 1), out=dh_WD[w])
        return dx_BLD, dh_WD.T


def fft(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """The O(L log L) form: zero-padded, so that nothing wraps around; causal up to rounding."""
    length = x_BLD.shape[1]
    size = 1 << (2 * length - 1).bit_length()
    real = torch.promote_types(x_BLD.dtype, torch.float32)
    spectrum = torch.fft.rfft(x_BLD.to(real).transpose(1, 2), n=size)
    filters = torch.fft.rfft(h_DW[:, :length].to(real), n=size)
    y_BDL: Tensor = torch.fft.irfft(spectrum * filters, n=size)[..., :length]
    return y_BDL.transpose(1, 2).to(x_BLD.dtype)
