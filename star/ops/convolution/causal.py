"""Causal convolution over tokens, with one filter per channel.

B batch, L tokens, D channels, H heads (one filter each), W taps, T tokens so far.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.convolution.long import long_convolution
from star.ops.precision import at_least_float32

DIRECT_TAPS = 16
"""The number of taps up to which a sum of shifted products is faster than the FFT."""

TILE_ELEMENTS = 1 << 18
"""Elements of a tile of tokens on a CPU: 1 MiB in float32, which stays in its cache from one tap to the next."""


def causal(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute y_t = sum_w h_w x_{t-w} in the dtype of x, with x = 0 before the first token."""
    if h_DW.shape[1] <= DIRECT_TAPS:
        return shifted_sum(x_BLD, h_DW)
    return fft(x_BLD, h_DW)


def last_output(x_BTD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute the last output of `causal` alone, (B, 1, D), in O(W)."""
    taps = min(x_BTD.shape[1], h_DW.shape[1])
    h_WD = h_DW[:, :taps].flip(1).T.to(x_BTD.dtype)
    return (x_BTD[:, -taps:] * h_WD).sum(1, keepdim=True)


def gated(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_HW: Tensor) -> Tensor:
    """Compute y = c (h * (b v)), in which each of H filters convolves as many neighbouring channels."""
    if h_HW.shape[1] > DIRECT_TAPS and not torch.compiler.is_compiling():
        return long_convolution(c_BLD, b_BLD, v_BLD, h_HW)
    h_DW = h_HW.repeat_interleave(c_BLD.shape[2] // len(h_HW), dim=0)
    return c_BLD * causal(b_BLD * v_BLD, h_DW)


def activated(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    """Compute y = sigma(h * x), with SiLU or nothing behind the convolution."""
    y_BLD = causal(x_BLD, h_DW)
    return F.silu(y_BLD) if silu else y_BLD


def shifted_sum(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Convolve directly, exactly causal, in O(L W). The gradient of h is summed over tokens in float32 at least."""
    if torch.compiler.is_compiling():
        return _slices(x_BLD, h_DW)
    y_BLD: Tensor = _ShiftedSum.apply(x_BLD, h_DW)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLD


def _slices(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute the same without tiles and without a gradient by hand: a compiler joins the products, for any length."""
    taps, length = h_DW.shape[1], x_BLD.shape[1]
    padded_BTD = F.pad(x_BLD, (0, 0, taps - 1, 0))
    h_WD = h_DW.T.to(x_BLD.dtype)
    y_BLD = h_WD[0] * x_BLD
    for w in range(1, taps):
        y_BLD = y_BLD + h_WD[w] * padded_BTD[:, taps - 1 - w : taps - 1 - w + length]
    return y_BLD


class _ShiftedSum(torch.autograd.Function):
    """The sum in tiles of tokens, with a backward pass written by hand, which passes over memory less often than the
    chain of slices that autograd records.
    """

    @staticmethod
    def forward(ctx: Any, x_BLD: Tensor, h_DW: Tensor) -> Tensor:
        ctx.save_for_backward(x_BLD, h_DW)
        h_WD, y_BLD = h_DW.T.to(x_BLD.dtype).contiguous(), torch.empty_like(x_BLD)
        for first, end in _tiles(x_BLD):
            torch.mul(x_BLD[:, first:end], h_WD[0], out=y_BLD[:, first:end])
            for w in range(1, min(len(h_WD), end)):
                reached = max(first, w)
                y_BLD[:, reached:end].addcmul_(x_BLD[:, reached - w : end - w], h_WD[w])
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (dy_BLD,) = grads
        x_BLD, h_DW = ctx.saved_tensors
        h_WD, dx_BLD, length = h_DW.T.to(x_BLD.dtype).contiguous(), torch.empty_like(x_BLD), x_BLD.shape[1]
        wide = at_least_float32(x_BLD)
        dh_WD = torch.zeros_like(h_WD, dtype=wide)
        tiles = _tiles(x_BLD)
        for first, end in tiles:
            # The gradient of the only tile is written over the products, which then take no further memory.
            scratch = dx_BLD if len(tiles) == 1 else torch.empty_like(dy_BLD[:, first:end])
            reaching = [min(end, length - w) for w in range(min(len(h_WD), length - first))]
            sums = []
            for w, last in enumerate(reaching):
                later, earlier = dy_BLD[:, first + w : last + w], x_BLD[:, first:last]
                products = torch.mul(later, earlier, out=scratch[:, : last - first])
                sums.append(products.sum((0, 1), dtype=wide))
            dh_WD[: len(sums)].add_(torch.stack(sums))
            torch.mul(dy_BLD[:, first:end], h_WD[0], out=dx_BLD[:, first:end])
            for w, last in enumerate(reaching[1:], start=1):
                dx_BLD[:, first:last].addcmul_(dy_BLD[:, first + w : last + w], h_WD[w])
        return dx_BLD, dh_WD.T.to(h_DW.dtype)


def _tiles(x_BLD: Tensor) -> list[tuple[int, int]]:
    """List the first token of each tile and the token after its last: one tile on any device but a CPU."""
    batch, length, channels = x_BLD.shape
    if x_BLD.device.type != "cpu":
        return [(0, length)]
    size = max(1, TILE_ELEMENTS // (batch * channels))
    return [(first, min(first + size, length)) for first in range(0, length, size)]


def fft(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Convolve by Fourier transform in O(L log L), padded with zeros against wrap-around; causal up to rounding."""
    length = x_BLD.shape[1]
    size = 1 << (2 * length - 1).bit_length()
    real = at_least_float32(x_BLD)
    spectrum = torch.fft.rfft(x_BLD.to(real).transpose(1, 2), n=size)
    filters = torch.fft.rfft(h_DW[:, :length].to(real), n=size)
    y_BDL: Tensor = torch.fft.irfft(spectrum * filters, n=size)[..., :length]
    return y_BDL.transpose(1, 2).to(x_BLD.dtype)
