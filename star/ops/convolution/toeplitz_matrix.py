"""The matrix of a causal filter, T_ij = h_{i-j}, and its transpose, which sums a matrix over each distance.

Each row is the row above it shifted by one. R rows of P - 1 numbers, one after the other in memory, are therefore P
numbers repeated R times. Expanding and reshaping replaces a gather of indices, and a sum over rows replaces its
backward pass.

H heads, W taps, R rows, T tokens, P = R + T.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def toeplitz(h_HW: Tensor, rows: int, tokens: int) -> Tensor:
    """Make the last R rows of the filter's (T, T) matrix, (H, R, T): h_{i-j} for 0 <= i - j < W, and 0 elsewhere."""
    h_HW = h_HW[:, :tokens]
    period_HP = F.pad(h_HW.flip(1), (tokens - h_HW.shape[1], rows))
    repeated = period_HP.unsqueeze(1).expand(-1, rows, -1).flatten(1)
    return torch.unflatten(repeated[:, rows - 1 : -1], 1, (rows, -1))[..., :tokens]


def by_distance(t_HRT: Tensor, taps: int) -> Tensor:
    """Sum the entries at each distance i - j, h_HW: the transpose of `toeplitz`."""
    rows, tokens = t_HRT.shape[1:]
    repeated = F.pad(F.pad(t_HRT, (0, rows - 1)).flatten(1), (rows - 1, 1))
    h_HT = torch.unflatten(repeated, 1, (rows, -1)).sum(1)[:, :tokens].flip(1)
    return F.pad(h_HT[:, :taps], (0, max(0, taps - tokens)))
