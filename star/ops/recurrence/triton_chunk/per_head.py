"""The Triton kernel for one decay a head: the gradients within a chunk.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import jit, number, place, product, reach, read, write


@jit
def within_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    dmixing: tl.tensor,
    dc: tl.tensor,
    db: tl.tensor,
    dlog: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    c_head: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    K: tl.constexpr,
    BLOCK_K: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Add the gradients within a chunk to those of c, b and the log decays.

    The log decay of a token scales every product of a query from it on and a key before it, and its gradient is the sum
    over exactly these pairs, without differences: where the decay is zero, so is the gradient.
    """
    batch, h, _, t, end = place(L, H, C)
    row, i = batch * L * H + h, tl.arange(0, C)
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    dscores_CC = read(dmixing + row * C, t, i, H * C, end, C) * reach(number(log + row, t, H, end), C)
    scores_CC = tl.zeros((C, C), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        c_CK, b_CK = read(c, t, k, c_token, end, K), read(b, t, k, b_token, end, K)
        scores_CC += product(c_CK, tl.trans(b_CK), DOT, PRECISION)
        dc_CK = read(dc + row * K, t, k, H * K, end, K) + product(dscores_CC, b_CK, DOT, PRECISION)
        write(dc + row * K, dc_CK, t, k, H * K, end, K)
        db_CK = read(db + row * K, t, k, H * K, end, K) + product(tl.trans(dscores_CC), c_CK, DOT, PRECISION)
        write(db + row * K, db_CK, t, k, H * K, end, K)
    later_CC = tl.cumsum(dscores_CC * scores_CC, 0, reverse=True)
    dlog_C = number(dlog + row, t, H, end) + tl.sum(tl.where(i[None, :] < i[:, None], later_CC, 0.0), 1)
    tl.store(dlog + row + t * H, dlog_C, mask=t < end)
