"""The gated delta rule S_t = (I - d_t b_t b_t^T) exp(a_t) S_{t-1} + d_t b_t v_t^T, y_t = S_t^T c_t, in chunks.

Within a chunk what is really written at each token, u_t = d_t (v_t - exp(a_t) S_{t-1}^T b_t), solves a triangular
system (I + N) U = d (V - exp(g) B S_0) with N_tj = d_t exp(g_t - g_j) b_t . b_j for j < t and g the running sum of a:
the UT form of Yang et al. 2024 (Parallelizing Linear Transformers with the Delta Rule, section 3), with decays as in
Gated Delta Networks (Yang et al. 2025, section 3.3). A chunk is then one map of its first state, S -> M S + R, so that
only a product of K x K matrices is left for the loop over chunks; all else is done for all chunks at once.

The system is solved, never inverted by (I - N)(I + N^2)(I + N^4)...: that takes twice as long, and on keys that are
alike its powers of N grow past 10^9 and cancel (relative error 3 at 32 tokens in float32, where solving keeps 3e-7).

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels,
N chunks of J tokens. A size of 1 stands for any when it is broadcast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 32


def delta_rule(
    c_BLGK: Tensor, b_BLGK: Tensor, a_BLH1: Tensor, d_BLH1: Tensor, v_BLHV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y_BLHV and the last state_BHKV; differentiable in everything. All of one floating dtype.

    Args:
        c_BLGK: what reads.
        b_BLGK: keys, of length at most 1.
        a_BLH1: log decays, at most 0.
        d_BLH1: shares of the old value that are replaced, 0 to 1.
        v_BLHV: values.
        initial_BHKV: the state before the first token.
    """
    length, heads, keys = v_BLHV.shape[1], v_BLHV.shape[2], b_BLGK.shape[3]
    chunk = min(CHUNK, length)
    c, b, a, d, v = (_chunked(x, chunk) for x in (c_BLGK, b_BLGK, a_BLH1, d_BLH1, v_BLHV))
    gap_NBHJJ = decay_between(a.squeeze(-1))
    since_start = torch.exp(a.cumsum(-2))
    until_end = gap_NBHJJ[..., -1, :].unsqueeze(-1)
    written = torch.cat([d * v, (d * since_start) * b], dim=-1)
    own, from_state = torch.split(_solved(b, d, gap_NBHJJ, written), [v.shape[-1], keys], dim=-1)
    kept = (b * until_end).mT
    through = since_start[..., -1:, :] * torch.eye(keys, dtype=v.dtype, device=v.device) - kept @ from_state
    starts, last_BHKV = _handed_on(through, kept @ own, initial_BHKV)
    reads = (c @ b.mT) * gap_NBHJJ
    y = reads @ own + (since_start * c - reads @ from_state) @ starts
    y_BLHV = y.permute(1, 0, 3, 2, 4).reshape(v_BLHV.shape[0], -1, heads, v_BLHV.shape[3])[:, :length]
    return y_BLHV, last_BHKV


def decay_between(a_J: Tensor) -> Tensor:
    """exp(a_{j+1} + ... + a_i) for i >= j, else 0: (..., J, J).

    Each sum is taken over its own tokens. A difference of running sums would lose the small decays that follow a large.
    """
    size = a_J.shape[-1]
    earlier = torch.ones(size, size, dtype=torch.bool, device=a_J.device).tril(-1)
    sums_JJ = a_J.unsqueeze(-1).masked_fill(~earlier, 0).cumsum(-2)
    return sums_JJ.exp().tril()


def _chunked(x_BL: Tensor, chunk: int) -> Tensor:
    """(N, B, H, J, size), padded with zeros: such tokens decay nothing, write nothing and are read by none."""
    missing = -x_BL.shape[1] % chunk
    padded = F.pad(x_BL, (0, 0, 0, 0, 0, missing))
    return torch.unflatten(padded, 1, (-1, chunk)).permute(1, 0, 3, 2, 4).contiguous()


def _solved(b: Tensor, d: Tensor, gap: Tensor, written: Tensor) -> Tensor:
    """(I + N)^-1 of what would be written if no token of the chunk saw another."""
    n = (d * (b @ b.mT)) * gap
    u: Tensor = torch.linalg.solve_triangular(n, written, upper=False, unitriangular=True)
    return u


def _handed_on(through_N: Tensor, added_N: Tensor, initial_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """The state before each chunk, (N, B, H, K, V), and the last one."""
    state, starts = initial_BHKV, []
    for through, added in zip(through_N.unbind(0), added_N.unbind(0), strict=True):
        starts.append(state)
        state = added + through @ state
    return torch.stack(starts), state
