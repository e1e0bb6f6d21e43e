"""Sequences in blocks, for causal convolution by Fourier transforms of the size of a block.

A product of polynomials modulo z^S - i has its lower half as its real part and its upper half as its imaginary one, so
a complex transform of size S is enough for a block of S tokens and S taps, once token s is turned by e^(i pi s / 2 S).
The upper half belongs to the block after, as if S taps further: times -i it is the real part there. So the spectrum of
a window of taps is its own less i times that of the window before it, and of what comes out only the real part counts.

Outside the spectra numbers are real and come in pairs (real and imaginary part, the last axis): what multiplies one
multiplies the other, and products need no complex arithmetic.

B batch, L tokens, H heads, K and V channels of b and v per head, W taps, N blocks, S numbers of a block and of its
spectrum, D windows of S taps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCKS = 3
"""Small transforms stay in the cache, but every pair of blocks is multiplied: measured on a CPU, up to 4 are alike, and
3 waste least on padding where the length is no power of two."""

SMALLEST_BLOCK = 256

SLAB = {"cpu": 1 << 17}
"""Complex numbers that are transformed at once; elsewhere `LARGE_SLAB`."""

LARGE_SLAB = 1 << 26

FEWEST = 64
"""Transforms that are made at once, even if that takes more numbers: every call prepares anew for its size."""


@dataclass(frozen=True)
class Blocks:
    """How sequences of one length are cut.

    Attributes:
        length: tokens of a sequence.
        size: tokens of a block, a power of two; the last block is filled up with zeros.
        turn: e^(i pi s / 2 S) in pairs, (S, 2).
        slab: complex numbers that are transformed at once.
    """

    length: int
    size: int
    turn: Tensor
    slab: int

    @staticmethod
    def of(c_BLHK: Tensor) -> Blocks:
        length = c_BLHK.shape[1]
        smallest = max(-(-length // BLOCKS), min(length, SMALLEST_BLOCK))
        size = 1 << (smallest - 1).bit_length()
        angles_S = torch.arange(size, dtype=torch.float64, device=c_BLHK.device) * (math.pi / (2 * size))
        turn = torch.stack([angles_S.cos(), angles_S.sin()], dim=-1).to(c_BLHK.dtype)
        slab = max(SLAB.get(c_BLHK.device.type, LARGE_SLAB), FEWEST * size)
        return Blocks(length, size, turn, slab)

    @property
    def count(self) -> int:
        return -(-self.length // self.size)

    def sequences(self, b_HBKL: Tensor, v_HBVL: Tensor) -> Iterator[tuple[int, slice]]:
        """A head, and as many sequences as a slab holds with all their products."""
        heads, batch, products = *b_HBKL.shape[:2], b_HBKL.shape[2] * v_HBVL.shape[2]
        together = max(1, self.slab // (products * self.count * self.size))
        for head in range(heads):
            yield from ((head, slice(first, first + together)) for first in range(0, batch, together))

    def products(self, b_BKNS2: Tensor, v_BVNS2: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Channels of which a slab holds the products, of one sequence at least, and room for them.

        The room is the same for all: memory that is asked for anew comes page by page.
        """
        keys, values = b_BKNS2.shape[1], v_BVNS2.shape[1]
        v = max(1, min(values, self.slab // (self.count * self.size)))
        k = max(1, min(keys, self.slab // (self.count * self.size * v)))
        room = b_BKNS2.new_empty(len(b_BKNS2), k, v, *b_BKNS2.shape[2:])
        for key in range(0, keys, k):
            for value in range(0, values, v):
                part = room[:, : min(k, keys - key), : min(v, values - value)]
                yield slice(key, key + k), slice(value, value + v), part

    def cut(self, x_xL: Tensor) -> Tensor:
        """Blocks of numbers, each one twice: x_xNS2."""
        x_xNS = torch.unflatten(F.pad(x_xL, (0, -x_xL.shape[-1] % self.size)), -1, (-1, self.size))
        return x_xNS.unsqueeze(-1).expand(*x_xNS.shape, 2).contiguous()

    def real(self, x_xNS2: Tensor, reverse: bool = False) -> Tensor:
        """What `cut` is transposed: x_xL."""
        x_xNS = x_xNS2[..., 0] + x_xNS2[..., 1]
        return (x_xNS.flip(-1) if reverse else x_xNS).flatten(-2)[..., : self.length]

    def windows(self, h_HW: Tensor) -> Tensor:
        """Spectra of the windows of taps, with the factor that the way back from a spectrum needs."""
        own_HDS = spectra(self.cut(h_HW[:, : self.length]) * (self.turn / self.size))
        windows_HDS = F.pad(own_HDS, (0, 0, 0, 1))[:, : self.count]
        windows_HDS[:, 1:] -= 1j * own_HDS[:, : windows_HDS.shape[1] - 1]
        return windows_HDS

    def taps(self, dwindows_HDS: Tensor, taps: int) -> Tensor:
        """The gradient of the taps from that of their windows, with the tokens of each reversed."""
        after_HDS = F.pad(dwindows_HDS[:, 1:], (0, 0, 0, 1))
        h_HT = self.real(numbers(dwindows_HDS - 1j * after_HDS) * (self.turn / self.size), reverse=True)
        return F.pad(h_HT, (0, max(0, taps - h_HT.shape[1])))[:, :taps]


def spectra(x_xS2: Tensor) -> Tensor:
    x_xS: Tensor = torch.fft.fft(torch.view_as_complex(x_xS2))
    return x_xS


def numbers(spectra_xS: Tensor) -> Tensor:
    """Without the factor 1 / S, which costs another pass over all numbers."""
    x_xS2: Tensor = torch.view_as_real(torch.fft.ifft(spectra_xS, norm="forward"))
    return x_xS2
