"""Sequences cut into tiles of tokens, for causal convolution by Fourier transforms of the size of a tile.

A linear convolution of S real tokens with S real taps has 2 S outputs. As polynomials in z, tokens and taps are
multiplied modulo z^S - i: the real part of the product then holds the lower S outputs, and the imaginary part holds the
upper S outputs. One complex transform of size S computes this product if token s is first multiplied by the twiddle
factor e^(i pi s / 2 S), and output s is then multiplied by its conjugate.

The upper outputs of a tile belong to the next tile, where they are outputs of taps that lie S further away; the factor
-i makes them real. The spectrum that is used for a window of S taps is therefore its own spectrum minus i times the
spectrum of the window before it, and only the real part of the inverse transform is used.

Outside the spectra every number is real and is stored twice, as real and as imaginary part (the last axis), so that a
factor multiplies both parts and no product needs complex arithmetic.

B batch, L tokens, H heads, K and V channels of b and v per head, W taps, N tiles, S tokens of a tile and numbers of its
spectrum, D windows of S taps, T = D S taps in all; a small x stands for any leading axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.tiles import tile_elements

MOST_TILES = 3
"""The largest number of tiles of a sequence. Small transforms stay in the cache, but every pair of tiles is multiplied:
measured on a CPU, 2 to 4 tiles take the same time, and 3 need the least padding where the length is no power of two."""

SMALLEST_TILE = 256

ELEMENTS_AT_ONCE = 1 << 17
"""Complex numbers that a CPU transforms at once."""

FEWEST_TRANSFORMS = 64
"""The smallest number of transforms in one call, even above `ELEMENTS_AT_ONCE`, because every call has a setup cost."""


@dataclass(frozen=True)
class Tiles:
    """The division of sequences of one length into tiles.

    Attributes:
        length: tokens of a sequence.
        size: tokens of a tile, a power of two; the last tile is padded with zeros.
        twiddle: e^(i pi s / 2 S) as real and imaginary part, (S, 2).
        elements_at_once: complex numbers that are transformed at once.
    """

    length: int
    size: int
    twiddle: Tensor
    elements_at_once: int

    @staticmethod
    def of(c_BLHK: Tensor) -> Tiles:
        """Make the tiles for sequences of this length, with twiddle factors of this dtype on this device."""
        length = c_BLHK.shape[1]
        smallest = max(-(-length // MOST_TILES), min(length, SMALLEST_TILE))
        size = 1 << (smallest - 1).bit_length()
        angles_S = torch.arange(size, dtype=torch.float64, device=c_BLHK.device) * (math.pi / (2 * size))
        twiddle = torch.stack([angles_S.cos(), angles_S.sin()], dim=-1).to(c_BLHK.dtype)
        elements = tile_elements(c_BLHK.device, ELEMENTS_AT_ONCE)
        return Tiles(length, size, twiddle, max(elements, FEWEST_TRANSFORMS * size))

    @property
    def count(self) -> int:
        """The number of tiles of a sequence."""
        return -(-self.length // self.size)

    def sequences(self, b_HBKL: Tensor, v_HBVL: Tensor) -> Iterator[tuple[int, slice]]:
        """Yield each head with all sequences, as many at a time as `elements_at_once` allows, but at least one."""
        heads, batch, products = *b_HBKL.shape[:2], b_HBKL.shape[2] * v_HBVL.shape[2]
        together = max(1, self.elements_at_once // (products * self.count * self.size))
        for head in range(heads):
            yield from ((head, slice(first, first + together)) for first in range(0, batch, together))

    def products(self, b_BKNS2: Tensor, v_BVNS2: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yield key and value channels, as many at a time as `elements_at_once` allows, and memory for their products.

        All steps share this scratch memory, because newly allocated memory is mapped page by page, which is slow.
        """
        keys, values = b_BKNS2.shape[1], v_BVNS2.shape[1]
        v = max(1, min(values, self.elements_at_once // (self.count * self.size)))
        k = max(1, min(keys, self.elements_at_once // (self.count * self.size * v)))
        scratch = b_BKNS2.new_empty(len(b_BKNS2), k, v, *b_BKNS2.shape[2:])
        for key in range(0, keys, k):
            for value in range(0, values, v):
                own = scratch[:, : min(k, keys - key), : min(v, values - value)]
                yield slice(key, key + k), slice(value, value + v), own

    def cut(self, x_xL: Tensor) -> Tensor:
        """Cut into tiles of pairs of equal numbers, x_xNS2."""
        x_xNS = torch.unflatten(F.pad(x_xL, (0, -x_xL.shape[-1] % self.size)), -1, (-1, self.size))
        return x_xNS.unsqueeze(-1).expand(*x_xNS.shape, 2).contiguous()

    def join(self, x_xNS2: Tensor, reverse: bool = False) -> Tensor:
        """Apply the transpose of `cut`, which sums the two parts: x_xL; `reverse` first reverses each tile."""
        x_xNS = x_xNS2[..., 0] + x_xNS2[..., 1]
        return (x_xNS.flip(-1) if reverse else x_xNS).flatten(-2)[..., : self.length]

    def windows(self, h_HW: Tensor) -> Tensor:
        """Compute the spectra of the windows of taps, (H, D, S), with the factor 1 / S that `inverse` leaves out."""
        own_HDS = spectra(self.cut(h_HW[:, : self.length]) * (self.twiddle / self.size))
        windows_HDS = F.pad(own_HDS, (0, 0, 0, 1))[:, : self.count]
        windows_HDS[:, 1:] -= 1j * own_HDS[:, : windows_HDS.shape[1] - 1]
        return windows_HDS

    def taps(self, dwindows_HDS: Tensor, taps: int) -> Tensor:
        """Compute the gradient of the taps, dh_HW, from that of their windows with the tokens of each tile reversed."""
        after_HDS = F.pad(dwindows_HDS[:, 1:], (0, 0, 0, 1))
        dh_HT = self.join(inverse(dwindows_HDS - 1j * after_HDS) * (self.twiddle / self.size), reverse=True)
        return F.pad(dh_HT, (0, max(0, taps - dh_HT.shape[1])))[:, :taps]


def spectra(x_xS2: Tensor) -> Tensor:
    """Transform complex numbers, given as real and imaginary part: (..., S)."""
    x_xS: Tensor = torch.fft.fft(torch.view_as_complex(x_xS2))
    return x_xS


def inverse(spectra_xS: Tensor) -> Tensor:
    """Compute the inverse transform times S as real and imaginary part, x_xS2.

    `Tiles.windows` applies the factor 1 / S, which would take another pass over all numbers here.
    """
    x_xS2: Tensor = torch.view_as_real(torch.fft.ifft(spectra_xS, norm="forward"))
    return x_xS2
