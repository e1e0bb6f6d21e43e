"""HiPPO-LegS (Gu et al. 2020), in float64: the system whose state holds the Legendre coefficients of its past input.

N numbers of state, P = N / 2 pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def legs(order: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return A_NN and B_N: A_nk = -sqrt((2n+1)(2k+1)) below the diagonal and -(n+1) on it, B_n = sqrt(2n+1)."""
    n_N = torch.arange(order, dtype=torch.float64, device=device)
    b_N = (2 * n_N + 1).sqrt()
    return torch.diag_embed(n_N) - torch.outer(b_N, b_N).tril(), b_N


def normal_plus_rank_one(order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return frequencies w_P, low rank p_N and input b_N with A_legs = V (S - p p^T) V^T, B_legs = V b, V orthogonal.

    S has blocks [[-1/2, -w], [w, -1/2]]: the real form of the conjugate pairs -1/2 +- i w of S4's DPLR.
    """
    a_NN, b_N = legs(order)
    low_rank_N = b_N / 2**0.5
    skew_NN = a_NN + torch.outer(low_rank_N, low_rank_N) + torch.eye(order, dtype=torch.float64) / 2
    values_N, vectors_NN = torch.linalg.eigh(-1j * skew_NN)
    pairs_NP = vectors_NN[:, order // 2 :] * 2**0.5
    basis_NN = torch.stack([pairs_NP.real, -pairs_NP.imag], dim=-1).flatten(1)
    return values_N[order // 2 :], basis_NN.T @ low_rank_N, basis_NN.T @ b_N
