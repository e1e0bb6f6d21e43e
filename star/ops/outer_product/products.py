"""Causal convolution of outer products, read by queries: y_i = sum_{j <= i} h_{i-j} (c_i . b_j) v_j, head by head.

A filter over b_j v_j^T is a T with entries h_{i-j} (c_i . b_j). Written out, or in blocks as far as the filter reaches,
T is exactly causal; only where that is slower does a Fourier transform run over the products themselves.

B batch, L tokens, H heads, K channels of c and b and V of v per head, W taps, R rows, N blocks, T tokens that are seen.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.convolution.toeplitz_matrix import toeplitz
from star.ops.outer_product.dense import written_out
from star.ops.outer_product.fft import transformed
from star.ops.precision import at_least_float32

SMALLEST_BLOCK = 32

REACH_PER_PRODUCT, VALUES = 8, 16
"""A transform is taken of K V products a token, a row of T has as many entries as the filter reaches: the transform is
faster above 8 taps for each product, where values beyond 16 no longer count as both forms have work with them.
Measured on a CPU, forward and backward, break-even is at 85, 160, 450, 2,000 and 5,200 taps with 2, 4, 8, 16 and 32
channels."""

LEAST_REACH = 128
"""Up to here T is written out, however few the products are."""


def transforms(reach: int, keys: int, values: int) -> bool:
    """Whether a filter that reaches so many of the tokens is applied by Fourier transform."""
    return reach > max(LEAST_REACH, REACH_PER_PRODUCT * keys * min(values, VALUES))


def convolved(c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
    """y_BLHV of the last L of T tokens, in the dtype of c."""
    length, total, taps = c_BLHK.shape[1], b_BTHK.shape[1], h_HW.shape[1]
    ahead = total - length
    if transforms(min(taps, total) * length // total, c_BLHK.shape[-1], v_BTHV.shape[-1]):
        inputs = (x.to(at_least_float32(c_BLHK)) for x in (_behind(ahead, c_BLHK), b_BTHK, v_BTHV, h_HW))
        return transformed(*inputs)[:, ahead:].to(c_BLHK.dtype)
    b_BTHK, v_BTHV, h_HW = (x.to(c_BLHK.dtype) for x in (b_BTHK, v_BTHV, h_HW))
    block = max(taps, SMALLEST_BLOCK)
    if block < length:
        return _in_blocks(_behind(ahead, c_BLHK), b_BTHK, v_BTHV, h_HW, block)[:, ahead:]
    return written_out(c_BLHK, b_BTHK, v_BTHV, h_HW)


def products(b_BLHK: Tensor, v_BLHV: Tensor) -> Tensor:
    """b v^T with K and V as one axis, (B, L, H, K V)."""
    return (b_BLHK.unsqueeze(-1) * v_BLHV.unsqueeze(-2)).flatten(-2)


def contracted(c_BLHK: Tensor, u_BLHP: Tensor) -> Tensor:
    """What a query reads of filtered products, y_BLHV."""
    u_BLHKV = torch.unflatten(u_BLHP, -1, (c_BLHK.shape[-1], -1))
    return (c_BLHK.unsqueeze(-2) @ u_BLHKV).squeeze(-2)


def _behind(tokens: int, c_BLHK: Tensor) -> Tensor:
    """Queries of nothing for the tokens before."""
    return F.pad(c_BLHK, (0, 0, 0, 0, tokens, 0))


def _read(c_BRHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, t_HRT: Tensor) -> Tensor:
    scores_BHRT = (c_BRHK.transpose(1, 2) @ b_BTHK.permute(0, 2, 3, 1)) * t_HRT
    return (scores_BHRT @ v_BTHV.transpose(1, 2)).transpose(1, 2)


def _in_blocks(c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor, block: int) -> Tensor:
    """A block of rows needs its own tokens and those of the block before."""
    batch, length = c_BLHK.shape[:2]
    c_BNRHK, b_BNRHK, v_BNRHV = (
        torch.unflatten(F.pad(x, (0, 0, 0, 0, 0, -length % block)), 1, (-1, block)) for x in (c_BLHK, b_BLHK, v_BLHV)
    )
    b_BNTHK, v_BNTHV = (torch.cat([F.pad(x[:, :-1], (0,) * 6 + (1, 0)), x], dim=2) for x in (b_BNRHK, v_BNRHV))
    c_MRHK, b_MTHK, v_MTHV = (x.flatten(0, 1) for x in (c_BNRHK, b_BNTHK, v_BNTHV))
    y_MRHV = _read(c_MRHK, b_MTHK, v_MTHV, toeplitz(h_HW, block, 2 * block))
    return torch.unflatten(y_MRHV, 0, (batch, -1)).flatten(1, 2)[:, :length]
