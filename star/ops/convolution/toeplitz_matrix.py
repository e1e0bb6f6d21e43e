"""The matrix of a causal filter, T_ij = h_{i-j}, and what a gradient of it says of the filter.

A row is the one above it, moved by one: laid one after the other, rows of P - 1 numbers are a ring of P numbers read
round and round. No index is gathered, and the way back is a sum of rows.

H heads, W taps, R rows, T tokens, P = R + T.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def toeplitz(h_HW: Tensor, rows: int, tokens: int) -> Tensor:
    """The last rows of the filter's (T, T) matrix, (H, R, T): h at the distance, 0 ahead and out of reach."""
    h_HW = h_HW[:, :tokens]
    ring_HP = F.pad(h_HW.flip(1), (tokens - h_HW.shape[1], rows))
    around = ring_HP.unsqueeze(1).expand(-1, rows, -1).flatten(1)
    return torch.unflatten(around[:, rows - 1 : -1], 1, (rows, -1))[..., :tokens]


def by_distance(t_HRT: Tensor, taps: int) -> Tensor:
    """The sum over all entries of each distance, h_HW: what `toeplitz` is transposed."""
    rows, tokens = t_HRT.shape[1:]
    around = F.pad(F.pad(t_HRT, (0, rows - 1)).flatten(1), (rows - 1, 1))
    h_HT = torch.unflatten(around, 1, (rows, -1)).sum(1)[:, :tokens].flip(1)
    return F.pad(h_HT[:, :taps], (0, max(0, taps - tokens)))
