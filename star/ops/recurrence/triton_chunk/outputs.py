"""The Triton kernels that compute all chunks side by side, for values: the outputs, and the gradients of v and d.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import decays, jit, number, place, product, reach, read, spread, write


@jit
def outputs_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    states: tl.tensor,
    mixing: tl.tensor,
    y: tl.tensor,
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
    K: tl.constexpr,
    V: tl.constexpr,
    R: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute y from the state at the start of the chunk and from the tokens of the chunk.

    What a token reads of an earlier one, `mixing`, is computed here if a head has one decay; else it is given.
    """
    batch, h, chunk, t, end = place(L, H, C)
    w = tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    row, i = batch * L * H + h, tl.arange(0, C)
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    y_CV = tl.zeros((C, BLOCK_V), tl.float32)
    mixing_CC = tl.zeros((C, C), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        c_CK = read(c, t, k, c_token, end, K)
        if R == 1:
            mixing_CC += product(c_CK, tl.trans(read(b, t, k, b_token, end, K)), DOT, PRECISION)
        since_CK = tl.exp(spread(tl.cumsum(decays(log + row * R, t, k, H * R, end, R), 0), R))
        state_KV = read(states + chunk * K * V, k, w, V, K, V)
        y_CV += product(c_CK * since_CK, state_KV, DOT, PRECISION)
    if R == 1:
        mixing_CC *= reach(number(log + row, t, H, end), C)
    else:
        mixing_CC = tl.where(i[:, None] >= i[None, :], read(mixing + row * C, t, i, H * C, end, C), 0.0)
    w_CV = read(v + batch * v_batch + h * v_head, t, w, v_token, end, V) * number(d + row, t, H, end)[:, None]
    y_CV += product(mixing_CC, w_CV, DOT, PRECISION)
    write(y + row * V, y_CV, t, w, H * V, end, V)


@jit
def values_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    dy: tl.tensor,
    adjoints: tl.tensor,
    mixing: tl.tensor,
    dd: tl.tensor,
    dv: tl.tensor,
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
    """Compute the gradients of v and, as a sum over this block of values, (blocks, B, L, H), of d in d v."""
    batch, h, chunk, t, end = place(L, H, C)
    w = tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    row, i = batch * L * H + h, tl.arange(0, C)
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    dw_CV = tl.zeros((C, BLOCK_V), tl.float32)
    mixing_CC = tl.zeros((C, C), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        b_CK = read(b, t, k, b_token, end, K)
        if R == 1:
            mixing_CC += product(read(c, t, k, c_token, end, K), tl.trans(b_CK), DOT, PRECISION)
        until_CK = tl.exp(spread(tl.cumsum(decays(log + row * R, t + 1, k, H * R, end, R), 0, reverse=True), R))
        adjoint_KV = read(adjoints + chunk * K * V, k, w, V, K, V)
        dw_CV += product(b_CK * until_CK, adjoint_KV, DOT, PRECISION)
    if R == 1:
        mixing_CC *= reach(number(log + row, t, H, end), C)
    else:
        mixing_CC = tl.where(i[:, None] >= i[None, :], read(mixing + row * C, t, i, H * C, end, C), 0.0)
    dy_CV = read(dy + batch * dy_batch + h * dy_head, t, w, dy_token, end, V)
    dw_CV += product(tl.trans(mixing_CC), dy_CV, DOT, PRECISION)
    v_CV = read(v + batch * v_batch + h * v_head, t, w, v_token, end, V)
    write(dv + row * V, dw_CV * number(d + row, t, H, end)[:, None], t, w, H * V, end, V)
    block = tl.program_id(1).to(tl.int64) * (tl.num_programs(0) // tl.cdiv(L, C)) * L
    tl.store(dd + block + row + t * H, tl.sum(dw_CV * v_CV, 1), mask=t < end)
