"""The Triton kernel that goes through the chunks of a head: the states between chunks, or their adjoints.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import decays, jit, number, product, read, spread, whole


@jit
def states_kernel(
    x: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    z: tl.tensor,
    first: tl.tensor,
    states: tl.tensor,
    last: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    x_batch: tl.tensor,
    x_token: tl.tensor,
    x_head: tl.tensor,
    z_batch: tl.tensor,
    z_token: tl.tensor,
    z_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    R: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
    BACKWARD: tl.constexpr,
) -> tl.tensor:
    """Compute the state at the start of each chunk, (B, H, N, K, V), from keys x and values z, and the last state.

    Backwards, from queries x and gradients z of the outputs, it computes the adjoint of the state at the end of each
    chunk, from the last chunk to the first, and the adjoint of the first state.
    """
    row = tl.program_id(0).to(tl.int64)
    batch, h = row // H, row % H
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    v = tl.program_id(2) * BLOCK_V + tl.arange(0, BLOCK_V)
    x += batch * x_batch + h * x_head
    z += batch * z_batch + h * z_head
    log += (batch * L * H + h) * R
    d += batch * L * H + h
    at = k[:, None] * V + v[None, :]
    inside = (k < K)[:, None] & (v < V)[None, :]
    state_KV = tl.load(first + row * K * V + at, mask=inside, other=0.0)
    chunks = tl.cdiv(L, C)
    for i in range(chunks):
        n = chunks - 1 - i if BACKWARD else i
        t = (n * C + tl.arange(0, C)).to(tl.int64)
        end = tl.minimum(L, n * C + C)
        tl.store(states + (row * chunks + n) * K * V + at, state_KV, mask=inside)
        x_CK = read(x, t, k, x_token, end, K)
        z_CV = read(z, t, v, z_token, end, V)
        own = decays(log, t, k, H * R, end, R)
        if BACKWARD:
            sums = tl.cumsum(own, 0)
        else:
            z_CV *= number(d, t, H, end)[:, None]
            sums = tl.cumsum(decays(log, t + 1, k, H * R, end, R), 0, reverse=True)
        x_CK *= tl.exp(spread(sums, R))
        state_KV = whole(own, R) * state_KV + product(tl.trans(x_CK), z_CV, DOT, PRECISION)
    tl.store(last + row * K * V + at, state_KV, mask=inside)
