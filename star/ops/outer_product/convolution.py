"""The causal convolution of outer products in the fastest form: y_i = sum_{j <= i} h_{i-j} (c_i . b_j) v_j, per head.

The convolution multiplies v by a matrix T with the entries h_{i-j} (c_i . b_j). Computing T is exactly causal; where
the filter is short, only tiles along the diagonal of T are computed. Where it is faster, a Fourier transform convolves
the outer products b_j v_j^T with the filter instead.

B batch, L query tokens, which are the last of T key tokens, H heads, K channels of c and b and V of v per head,
P = K V products, W taps, N tiles of R rows, M = B N.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.outer_product.dense import dense
from star.ops.outer_product.fft import fft
from star.ops.precision import at_least_float32

SMALLEST_TILE = 32

REACH_PER_PRODUCT, VALUES = 8, 16
"""The FFT transforms K V products per token, and a row of T has as many entries as the filter has taps. The FFT is
faster above 8 taps for each product. Value channels beyond 16 do not count, because they slow both forms alike.
Measured on a CPU, forward and backward, both forms take equal time at 85, 160, 450, 2,000 and 5,200 taps with 2, 4, 8,
16 and 32 channels."""

LEAST_REACH = 128
"""The number of taps up to which T is computed for any number of products."""


def uses_fft(reach: int, keys: int, values: int) -> bool:
    """Return whether a filter with this many taps inside the sequence is applied by Fourier transform."""
    return reach > max(LEAST_REACH, REACH_PER_PRODUCT * keys * min(values, VALUES))


def outer_product_convolution(c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
    """Compute `naive.outer_product_convolution` at the last L of T tokens: y_BLHV in the dtype of c."""
    length, total, taps = c_BLHK.shape[1], b_BTHK.shape[1], h_HW.shape[1]
    ahead = total - length
    if uses_fft(min(taps, total) * length // total, c_BLHK.shape[-1], v_BTHV.shape[-1]):
        inputs = (x.to(at_least_float32(c_BLHK)) for x in (_padded(ahead, c_BLHK), b_BTHK, v_BTHV, h_HW))
        return fft(*inputs)[:, ahead:].to(c_BLHK.dtype)
    b_BTHK, v_BTHV, h_HW = (x.to(c_BLHK.dtype) for x in (b_BTHK, v_BTHV, h_HW))
    tile = max(taps, SMALLEST_TILE)
    if tile < length:
        return _diagonal_tiles(_padded(ahead, c_BLHK), b_BTHK, v_BTHV, h_HW, tile)[:, ahead:]
    return dense(c_BLHK, b_BTHK, v_BTHV, h_HW)


def outer_products(b_BLHK: Tensor, v_BLHV: Tensor) -> Tensor:
    """Compute b v^T with K and V as one axis: u_BLHP."""
    return (b_BLHK.unsqueeze(-1) * v_BLHV.unsqueeze(-2)).flatten(-2)


def read(c_BLHK: Tensor, u_BLHP: Tensor) -> Tensor:
    """Compute y = c u, the sum of filtered products over K, weighted by the query: y_BLHV."""
    u_BLHKV = torch.unflatten(u_BLHP, -1, (c_BLHK.shape[-1], -1))
    return (c_BLHK.unsqueeze(-2) @ u_BLHKV).squeeze(-2)


def _padded(tokens: int, c_BLHK: Tensor) -> Tensor:
    """Put queries of zeros for this many earlier tokens before the queries c."""
    return F.pad(c_BLHK, (0, 0, 0, 0, tokens, 0))


def _diagonal_tiles(c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor, tile: int) -> Tensor:
    """Compute T in tiles of at least W rows, whose columns are the tokens of the tile and of the tile before it."""
    batch, length = c_BLHK.shape[:2]
    c_BNRHK, b_BNRHK, v_BNRHV = (
        torch.unflatten(F.pad(x, (0, 0, 0, 0, 0, -length % tile)), 1, (-1, tile)) for x in (c_BLHK, b_BLHK, v_BLHV)
    )
    b_BNTHK, v_BNTHV = (torch.cat([F.pad(x[:, :-1], (0,) * 6 + (1, 0)), x], dim=2) for x in (b_BNRHK, v_BNRHV))
    c_MRHK, b_MTHK, v_MTHV = (x.flatten(0, 1) for x in (c_BNRHK, b_BNTHK, v_BNTHV))
    y_MRHV = _rows(c_MRHK, b_MTHK, v_MTHV, toeplitz(h_HW, tile, 2 * tile))
    return torch.unflatten(y_MRHV, 0, (batch, -1)).flatten(1, 2)[:, :length]


def _rows(c_BRHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, t_HRT: Tensor) -> Tensor:
    """Compute y_BRHV from the filter's entries t_HRT of the last R rows."""
    scores_BHRT = (c_BRHK.transpose(1, 2) @ b_BTHK.permute(0, 2, 3, 1)) * t_HRT
    return (scores_BHRT @ v_BTHV.transpose(1, 2)).transpose(1, 2)
