"""Gated long convolutions by Fourier transforms, a few channels at a time.

The tokens of a few channels and their spectra fit the processor's cache, where whole sequences of all channels would be
written to memory and read again at every step. Nothing but the inputs lies between the passes: the backward pass
transforms them again, which takes less time than reading kept spectra.

B batch, L tokens, D channels, H heads (one filter each), W taps, J heads of a tile with G channels each, C = J G, n
numbers of a channel, padded with zeros against wrap-around, S numbers of its spectrum.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.precision import at_least_float32
from star.ops.tiles import tile_elements

CHANNELS_AT_ONCE = 32
"""Channels of a tile on a CPU: two cache lines of float32 numbers of each token (measured; 64 and more are slower)."""

ELEMENTS_AT_ONCE = 1 << 18
"""Numbers of a tile on a CPU: 1 MiB in float32."""


_POWERS_OF_3, _POWERS_OF_5 = (1, 3, 9, 27, 81, 243, 729, 2187), (1, 5, 25, 125, 625)


def transform_size(least: int) -> int:
    """Return the smallest power of 2, times some of these powers of 3 and 5, from `least` on: its transform is fast."""
    odd = [three * five for three in _POWERS_OF_3 for five in _POWERS_OF_5]
    return min(size << max(1, (-(-least // size) - 1).bit_length()) for size in odd)


def long_convolution(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_HW: Tensor) -> Tensor:
    """Compute y = c (h * (b v)), causal up to rounding, in the dtype of c: y_BLD.

    Each of H filters convolves as many neighbouring channels; taps that reach before the first token read 0.
    """
    y_BLD: Tensor = _Gated.apply(c_BLD, b_BLD, v_BLD, h_HW)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLD


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_HW: Tensor) -> Tensor:
        ctx.save_for_backward(c_BLD, b_BLD, v_BLD, h_HW)
        y_BLD, tiles = torch.empty_like(c_BLD), _Tiles(c_BLD, h_HW)
        for heads, channels in tiles.channels():
            filter_J1S = tiles.filter(h_HW[heads])
            for own in tiles.sequences(channels):
                u_BJGS = tiles.spectra(b_BLD[own] * v_BLD[own], filter_J1S)
                torch.mul(c_BLD[own], tiles.tokens(u_BJGS.mul_(filter_J1S)), out=y_BLD[own])
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (dy_BLD,) = grads
        c_BLD, b_BLD, v_BLD, h_HW = ctx.saved_tensors
        of_c, *of_bv = ctx.needs_input_grad[:3]
        results = [torch.empty_like(dy_BLD) if needed else None for needed in (of_c, *of_bv)]
        dh_HW, tiles = torch.zeros_like(h_HW), _Tiles(c_BLD, h_HW)
        for heads, channels in tiles.channels():
            filter_J1S = tiles.filter(h_HW[heads])
            back_J1S = filter_J1S.conj().resolve_conj()
            dfilter_JS = filter_J1S.new_zeros(len(filter_J1S), filter_J1S.shape[2])
            for own in tiles.sequences(channels):
                u_BJGS = tiles.spectra(b_BLD[own] * v_BLD[own], filter_J1S)
                g_BJGS = tiles.spectra(dy_BLD[own] * c_BLD[own], filter_J1S)
                filtered_BLC = tiles.tokens(u_BJGS * filter_J1S) if of_c else None
                dfilter_JS += u_BJGS.conj_physical_().mul_(g_BJGS).sum((0, 2))
                du_BLC = tiles.tokens(g_BJGS.mul_(back_J1S)) if any(of_bv) else None
                pairs = (filtered_BLC, dy_BLD), (du_BLC, v_BLD), (du_BLC, b_BLD)
                for result_BLD, (tokens_BLC, factor_BLD) in zip(results, pairs, strict=True):
                    if result_BLD is not None and tokens_BLC is not None:
                        torch.mul(tokens_BLC, factor_BLD[own], out=result_BLD[own])
            dh_HW[heads, : tiles.taps] += torch.fft.irfft(dfilter_JS, n=tiles.size)[:, : tiles.taps]
        return *results, dh_HW


class _Tiles:
    """The tiles of a convolution, and the transforms between their tokens and spectra.

    Spectra of filters have the factor 1 / n, which the transforms back to tokens leave out.
    """

    def __init__(self, x_BLD: Tensor, h_HW: Tensor) -> None:
        self.batch, self.length, self.width = x_BLD.shape
        self.taps = min(h_HW.shape[1], self.length)
        self.size = transform_size(self.length + self.taps - 1)
        self.group = self.width // len(h_HW)
        self.at_once = min(self.width, tile_elements(x_BLD.device, CHANNELS_AT_ONCE))
        numbers = tile_elements(x_BLD.device, ELEMENTS_AT_ONCE)
        self.together = max(1, min(self.batch, numbers // (self.at_once * self.size)))
        self.padded = x_BLD.new_zeros(self.together, self.at_once, self.size, dtype=at_least_float32(x_BLD))

    def channels(self) -> Iterator[tuple[slice, slice]]:
        """Yield the heads and the channels of each tile: some whole heads, or some channels of one head."""
        heads = max(1, self.at_once // self.group)
        some = min(self.group * heads, self.at_once)
        for head in range(0, self.width // self.group, heads):
            end = min((head + heads) * self.group, self.width)
            for first in range(head * self.group, end, some):
                yield slice(head, head + heads), slice(first, min(first + some, end))

    def sequences(self, channels: slice) -> Iterator[tuple[slice, slice, slice]]:
        """Yield the part of (B, L, D) that these channels of some sequences are, until all sequences are through."""
        for first in range(0, self.batch, self.together):
            yield slice(first, first + self.together), slice(None), channels

    def filter(self, h_JW: Tensor) -> Tensor:
        """Compute the spectra of filters, (J, 1, S)."""
        h_JW = h_JW[:, : self.taps].to(self.padded.dtype)
        filter_JS: Tensor = torch.fft.rfft(h_JW, n=self.size, norm="forward")
        return filter_JS.unsqueeze(1)

    def spectra(self, x_BLC: Tensor, filter_J1S: Tensor) -> Tensor:
        """Compute the spectra of tokens, (B, J, G, S), for the channels of each filter."""
        padded_BCn = self.padded[: len(x_BLC), : x_BLC.shape[2]]
        padded_BCn[..., : self.length].copy_(x_BLC.transpose(1, 2))
        return torch.unflatten(torch.fft.rfft(padded_BCn), 1, (len(filter_J1S), -1))

    def tokens(self, spectra_BJGS: Tensor) -> Tensor:
        """Compute the tokens of filtered spectra, (B, L, C)."""
        x_BCn: Tensor = torch.fft.irfft(spectra_BJGS.flatten(1, 2), n=self.size, norm="forward")
        return x_BCn[..., : self.length].transpose(1, 2).contiguous()
