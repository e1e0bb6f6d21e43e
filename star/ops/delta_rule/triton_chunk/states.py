"""The Triton kernels that go through the chunks of a head: the states between chunks, and their adjoints.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import jit, number, product, read, write


@jit
def delta_states_kernel(
    b: tl.tensor,
    log: tl.tensor,
    forgotten: tl.tensor,
    added: tl.tensor,
    first: tl.tensor,
    states: tl.tensor,
    written: tl.tensor,
    last: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute the state at the start of each chunk, (B, H, N, K, V), what each token writes, and the last state."""
    line = tl.program_id(0).to(tl.int64)
    batch, h = line // H, line % H
    k, v = tl.arange(0, KEYS), tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    b += batch * b_batch + h * b_head
    row = batch * L * H + h
    state_KV = read(first + line * K * V, k, v, V, K, V)
    chunks = tl.cdiv(L, C)
    for n in range(chunks):
        t = (n * C + tl.arange(0, C)).to(tl.int64)
        end = tl.minimum(L, n * C + C)
        write(states + (line * chunks + n) * K * V, state_KV, k, v, V, K, V)
        forgotten_CK = read(forgotten + row * K, t, k, H * K, end, K)
        written_CV = read(added + row * V, t, v, H * V, end, V) - product(forgotten_CK, state_KV, DOT, PRECISION)
        write(written + row * V, written_CV, t, v, H * V, end, V)
        until_C = tl.exp(tl.cumsum(number(log + row, t + 1, H, end), 0, reverse=True))
        kept_CK = read(b, t, k, b_token, end, K) * until_C[:, None]
        whole = tl.exp(tl.sum(number(log + row, t, H, end), 0))
        state_KV = whole * state_KV + product(tl.trans(kept_CK), written_CV, DOT, PRECISION)
    write(last + line * K * V, state_KV, k, v, V, K, V)


@jit
def delta_adjoints_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    forgotten: tl.tensor,
    dy: tl.tensor,
    dlast: tl.tensor,
    adjoints: tl.tensor,
    dwritten: tl.tensor,
    dfirst: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    c_head: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    dy_batch: tl.tensor,
    dy_token: tl.tensor,
    dy_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    KEYS: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute the adjoint of the state at the end of each chunk, that of the first state, and the gradient of what each
    token writes, to whose part within the chunk, in `dwritten`, that through the state is added.
    """
    line = tl.program_id(0).to(tl.int64)
    batch, h = line // H, line % H
    k, v = tl.arange(0, KEYS), tl.program_id(1) * BLOCK_V + tl.arange(0, BLOCK_V)
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    dy += batch * dy_batch + h * dy_head
    row = batch * L * H + h
    adjoint_KV = read(dlast + line * K * V, k, v, V, K, V)
    chunks = tl.cdiv(L, C)
    for i in range(chunks):
        n = chunks - 1 - i
        t = (n * C + tl.arange(0, C)).to(tl.int64)
        end = tl.minimum(L, n * C + C)
        write(adjoints + (line * chunks + n) * K * V, adjoint_KV, k, v, V, K, V)
        until_C = tl.exp(tl.cumsum(number(log + row, t + 1, H, end), 0, reverse=True))
        kept_CK = read(b, t, k, b_token, end, K) * until_C[:, None]
        dwritten_CV = read(dwritten + row * V, t, v, H * V, end, V) + product(kept_CK, adjoint_KV, DOT, PRECISION)
        write(dwritten + row * V, dwritten_CV, t, v, H * V, end, V)
        own_C = number(log + row, t, H, end)
        read_CK = read(c, t, k, c_token, end, K) * tl.exp(tl.cumsum(own_C, 0))[:, None]
        dy_CV = read(dy, t, v, dy_token, end, V)
        forgotten_CK = read(forgotten + row * K, t, k, H * K, end, K)
        adjoint_KV = tl.exp(tl.sum(own_C, 0)) * adjoint_KV + product(tl.trans(read_CK), dy_CV, DOT, PRECISION)
        adjoint_KV -= product(tl.trans(forgotten_CK), dwritten_CV, DOT, PRECISION)
    write(dfirst + line * K * V, adjoint_KV, k, v, V, K, V)
