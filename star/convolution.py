"""Causal convolution over tokens, with one filter per channel.

B batch, L tokens, D channels, W taps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

DIRECT_TAPS = 16
"""Up to this many taps a sum of shifted products is faster than the FFT."""


def causal(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """y_t = sum_w h_w x_{t-w}, in the dtype of x; zero before the first token."""
    if h_DW.shape[1] <= DIRECT_TAPS:
        return shifted_sum(x_BLD, h_DW.to(x_BLD.dtype))
    return fft(x_BLD, h_DW)


def shifted_sum(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """The direct form: exactly causal, O(L W)."""
    length, taps = x_BLD.shape[1], h_DW.shape[1]
    padded = F.pad(x_BLD, (0, 0, taps - 1, 0))
    y_BLD = padded[:, taps - 1 :] * h_DW[:, 0]
    for w in range(1, taps):
        start = taps - 1 - w
        y_BLD = y_BLD + padded[:, start : start + length] * h_DW[:, w]
    return y_BLD


def fft(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """The O(L log L) form: zero-padded, so that nothing wraps around; causal up to rounding."""
    length = x_BLD.shape[1]
    size = 1 << (2 * length - 1).bit_length()
    real = torch.promote_types(x_BLD.dtype, torch.float32)
    spectrum = torch.fft.rfft(x_BLD.to(real).transpose(1, 2), n=size)
    filters = torch.fft.rfft(h_DW[:, :length].to(real), n=size)
    y_BDL: Tensor = torch.fft.irfft(spectrum * filters, n=size)[..., :length]
    return y_BDL.transpose(1, 2).to(x_BLD.dtype)
