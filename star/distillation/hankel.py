"""The poles of an impulse response, from the dominant subspace of its Hankel matrix (Kung 1978).

The Hankel matrix of w has w_(i+j) in row i and column j. If w is a sum of N exponentials, its range is spanned by N
columns, of which each but the first row is the row above it times one N x N matrix, whose eigenvalues are the poles.
The subspace comes from random vectors (Halko et al. 2011), and products with the matrix from Fourier transforms, so
that no matrix as large as the square of the length is formed.

H filters, T taps, M rows of the Hankel matrix, K vectors, N poles, F frequencies, S >= 2 M - 1 places.
"""

from __future__ import annotations

import torch
from torch import Tensor

EXTRA = 16
"""Vectors beyond the number of poles, for the accuracy of the subspace."""

REPEATS = 3
"""Products with the matrix, each of which lets the dominant directions stand out more."""


def poles(w_HT: Tensor, count: int) -> Tensor:
    """Return `count` complex poles of each filter, (H, N); those that are not real come in conjugate pairs.

    Args:
        w_HT: the taps, in float64; at least 2 `count` + 1 of them.
    """
    rows = (w_HT.shape[1] + 1) // 2
    generator = torch.Generator().manual_seed(0)
    x_MK = torch.randn(rows, min(rows, count + EXTRA), generator=generator, dtype=w_HT.dtype)
    basis_HMK = x_MK.expand(len(w_HT), -1, -1)
    for _ in range(REPEATS):
        basis_HMK = torch.linalg.qr(_times_hankel(w_HT, basis_HMK))[0]
    small_HKK = basis_HMK.mT @ _times_hankel(w_HT, basis_HMK)
    values_HK, vectors_HKK = torch.linalg.eigh((small_HKK + small_HKK.mT) / 2)
    largest_HN = values_HK.abs().argsort(descending=True)[:, :count]
    chosen_HKN = vectors_HKK.gather(2, largest_HN.unsqueeze(1).expand(-1, vectors_HKK.shape[1], -1))
    u_HMN = basis_HMK @ chosen_HKN
    upper_HMN, lower_HMN = u_HMN[:, :-1], u_HMN[:, 1:]
    shift_HNN = torch.linalg.pinv(upper_HMN.mT @ upper_HMN, hermitian=True) @ (upper_HMN.mT @ lower_HMN)
    poles_HN: Tensor = torch.linalg.eigvals(shift_HNN)
    return poles_HN


def _times_hankel(w_HT: Tensor, x_HMK: Tensor) -> Tensor:
    """Multiply the Hankel matrix of every filter by its vectors."""
    rows = x_HMK.shape[1]
    size = 1 << (2 * rows - 2).bit_length()
    spectrum_HF1 = torch.fft.rfft(w_HT[:, : 2 * rows - 1], size).unsqueeze(2)
    product_HSK: Tensor = torch.fft.irfft(spectrum_HF1 * torch.fft.rfft(x_HMK.flip(1), size, dim=1), size, dim=1)
    return product_HSK[:, rows - 1 : 2 * rows - 1]
