"""The Triton kernel that computes all chunks side by side, for keys: their gradients through states.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import decays, jit, number, place, product, read, spread, write


@jit
def keys_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    dy: tl.tensor,
    states: tl.tensor,
    adjoints: tl.tensor,
    dc: tl.tensor,
    db: tl.tensor,
    dlog: tl.tensor,
    dmixing: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    c_head: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    v_batch: tl.tensor,
    v_token: tl.tensor,
    v_head: tl.tensor,
    dy_batch: tl.tensor,
    dy_token: tl.tensor,
    dy_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    R: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute the gradients of c, b and the log decays through the states between chunks, each of its own head.

    With one decay a head that of the log decays is a sum over this block of keys, (blocks, B, L, H). The gradients
    within the chunk, which other kernels add, need `dmixing`, that of what a token reads of another, (B, L, H, C).
    """
    batch, h, chunk, t, end = place(L, H, C)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    row, i = batch * L * H + h, tl.arange(0, C)
    v += batch * v_batch + h * v_head
    dy += batch * dy_batch + h * dy_head
    d_C = number(d + row, t, H, end)
    dmixing_CC = tl.zeros((C, C), tl.float32)
    dc_CK, db_CK = tl.zeros((C, BLOCK_K), tl.float32), tl.zeros((C, BLOCK_K), tl.float32)
    kept_K = tl.zeros((BLOCK_K,), tl.float32)
    for start in range(0, V, BLOCK_V):
        w = start + tl.arange(0, BLOCK_V)
        dy_CV = read(dy, t, w, dy_token, end, V)
        w_CV = read(v, t, w, v_token, end, V) * d_C[:, None]
        state_KV = read(states + chunk * K * V, k, w, V, K, V)
        adjoint_KV = read(adjoints + chunk * K * V, k, w, V, K, V)
        dmixing_CC += product(dy_CV, tl.trans(w_CV), DOT, PRECISION)
        dc_CK += product(dy_CV, tl.trans(state_KV), DOT, PRECISION)
        db_CK += product(w_CV, tl.trans(adjoint_KV), DOT, PRECISION)
        kept_K += tl.sum(state_KV * adjoint_KV, 1)
    log += row * R
    own = decays(log, t, k, H * R, end, R)
    dc_CK *= tl.exp(spread(tl.cumsum(own, 0), R))
    db_CK *= tl.exp(spread(tl.cumsum(decays(log, t + 1, k, H * R, end, R), 0, reverse=True), R))
    c_CK = read(c + batch * c_batch + h * c_head, t, k, c_token, end, K)
    b_CK = read(b + batch * b_batch + h * b_head, t, k, b_token, end, K)
    through_c, through_b = c_CK * dc_CK, b_CK * db_CK
    later_CC = i[:, None] > i[None, :]
    if R == 1:
        dlog_C = tl.cumsum(tl.sum(through_c, 1), 0, reverse=True) + tl.exp(tl.sum(own, 0)) * tl.sum(kept_K, 0)
        dlog_C += tl.sum(tl.where(later_CC, tl.sum(through_b, 1)[None, :], 0.0), 1)
        block = tl.program_id(1).to(tl.int64) * (tl.num_programs(0) // tl.cdiv(L, C)) * L
        tl.store(dlog + block + row + t * H, dlog_C, mask=t < end)
    else:
        dlog_CK = tl.cumsum(through_c, 0, reverse=True) + (tl.exp(tl.sum(own, 0)) * kept_K)[None, :]
        dlog_CK += product(tl.where(later_CC, 1.0, 0.0), through_b, tl.float32, PRECISION)
        write(dlog + row * K, dlog_CK, t, k, H * K, end, K)
    if tl.program_id(1) == 0:
        write(dmixing + row * C, dmixing_CC, t, i, H * C, end, C)
    write(dc + row * K, dc_CK, t, k, H * K, end, K)
    write(db + row * K, db_CK, t, k, H * K, end, K)
