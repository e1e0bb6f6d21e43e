"""The Triton kernels of what the tokens of a chunk write: a triangular system, and its gradients.

The written values solve (I + N) U = d (V - since B S), with N_tj = d_t exp(g_t - g_j) b_t . b_j for j < t, g the sum of
log decays and S the state at the start of the chunk (Yang et al. 2024, section 3; with decays Yang et al. 2025, section
3.3). The inverse of I + N is computed by substitution in blocks of J tokens and by products between the blocks.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import jit, number, place, product, reach, read, write


@jit
def inverse(n_CC: tl.tensor, C: tl.constexpr, J: tl.constexpr, PRECISION: tl.constexpr) -> tl.tensor:
    """Compute (I + N)^-1 of a strictly lower triangular N."""
    i = tl.arange(0, C)
    together = (i // J)[:, None] == (i // J)[None, :]
    within_CC = tl.where(together, n_CC, 0.0)
    x_CC = tl.where(i[:, None] == i[None, :], 1.0, 0.0)
    for p in range(1, J):
        # Row p of all blocks at a time: a column of x_CC has numbers in its own block alone.
        row_C = tl.sum(tl.where((i % J == p)[:, None], within_CC, 0.0), 0)
        known_C = tl.sum(row_C[:, None] * x_CC, 0)
        x_CC -= tl.where((i % J == p)[:, None] & together, known_C[None, :], 0.0)
    # The powers of `between` from the fourth on are zero, as a chunk has at most four blocks.
    between_CC = product(x_CC, n_CC - within_CC, tl.float32, PRECISION)
    x_CC += product(product(between_CC, between_CC, tl.float32, PRECISION), x_CC, tl.float32, PRECISION)
    return x_CC - product(between_CC, x_CC, tl.float32, PRECISION)


@jit
def solve_kernel(
    b: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    solved: tl.tensor,
    forgotten: tl.tensor,
    added: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    v_batch: tl.tensor,
    v_token: tl.tensor,
    v_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    J: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute the inverse, (B, L, H, C), and by it `added` - `forgotten` S, what a chunk writes from a state S."""
    batch, h, _, t, end = place(L, H, C)
    row, i = batch * L * H + h, tl.arange(0, C)
    b += batch * b_batch + h * b_head
    v += batch * v_batch + h * v_head
    log_C, d_C = number(log + row, t, H, end), number(d + row, t, H, end)
    n_CC = tl.zeros((C, C), tl.float32)
    for start in range(0, K, BLOCK_K):
        b_CK = read(b, t, start + tl.arange(0, BLOCK_K), b_token, end, K)
        n_CC += product(b_CK, tl.trans(b_CK), DOT, PRECISION)
    n_CC *= tl.where(i[:, None] > i[None, :], d_C[:, None] * reach(log_C, C), 0.0)
    x_CC = inverse(n_CC, C, J, PRECISION)
    write(solved + row * C, x_CC, t, i, H * C, end, C)
    since_C1 = (d_C * tl.exp(tl.cumsum(log_C, 0)))[:, None]
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        forgotten_CK = product(x_CC, since_C1 * read(b, t, k, b_token, end, K), DOT, PRECISION)
        write(forgotten + row * K, forgotten_CK, t, k, H * K, end, K)
    for start in range(0, V, BLOCK_V):
        w = start + tl.arange(0, BLOCK_V)
        added_CV = product(x_CC, d_C[:, None] * read(v, t, w, v_token, end, V), DOT, PRECISION)
        write(added + row * V, added_CV, t, w, H * V, end, V)


@jit
def solve_gradients_kernel(
    b: tl.tensor,
    log: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    solved: tl.tensor,
    states: tl.tensor,
    written: tl.tensor,
    dwritten: tl.tensor,
    db: tl.tensor,
    dlog: tl.tensor,
    dd: tl.tensor,
    dv: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    v_batch: tl.tensor,
    v_token: tl.tensor,
    v_head: tl.tensor,
    K: tl.constexpr,
    V: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_V: tl.constexpr,
    C: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute the gradients of d and v, and add those through the system to the gradients of b and the log decays."""
    batch, h, chunk, t, end = place(L, H, C)
    row, i = batch * L * H + h, tl.arange(0, C)
    b += batch * b_batch + h * b_head
    v += batch * v_batch + h * v_head
    log_C, d_C = number(log + row, t, H, end), number(d + row, t, H, end)
    x_CC = read(solved + row * C, t, i, H * C, end, C)
    dn_CC, dd_C = tl.zeros((C, C), tl.float32), tl.zeros((C,), tl.float32)
    for start in range(0, V, BLOCK_V):
        w = start + tl.arange(0, BLOCK_V)
        dright_CV = product(tl.trans(x_CC), read(dwritten + row * V, t, w, H * V, end, V), DOT, PRECISION)
        written_CV = read(written + row * V, t, w, H * V, end, V)
        dn_CC -= product(dright_CV, tl.trans(written_CV), DOT, PRECISION)
        dd_C += tl.sum(dright_CV * read(v, t, w, v_token, end, V), 1)
        write(dv + row * V, dright_CV * d_C[:, None], t, w, H * V, end, V)
    dn_CC *= tl.where(i[:, None] > i[None, :], reach(log_C, C), 0.0)
    since_C = tl.exp(tl.cumsum(log_C, 0))
    dsince_C = tl.zeros((C,), tl.float32)
    keys_CC = tl.zeros((C, C), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        dstart_CK = tl.zeros((C, BLOCK_K), tl.float32)
        for part in range(0, V, BLOCK_V):
            w = part + tl.arange(0, BLOCK_V)
            dright_CV = product(tl.trans(x_CC), read(dwritten + row * V, t, w, H * V, end, V), DOT, PRECISION)
            state_KV = read(states + chunk * K * V, k, w, V, K, V)
            dstart_CK -= product(dright_CV, tl.trans(state_KV), DOT, PRECISION)
        b_CK = read(b, t, k, b_token, end, K)
        dstart_CK *= since_C[:, None]
        dsince_C += tl.sum(dstart_CK * b_CK, 1)
        keys_CC += product(b_CK, tl.trans(b_CK), DOT, PRECISION)
        db_CK = d_C[:, None] * (dstart_CK + product(dn_CC, b_CK, DOT, PRECISION))
        db_CK += product(tl.trans(dn_CC), d_C[:, None] * b_CK, DOT, PRECISION)
        write(db + row * K, read(db + row * K, t, k, H * K, end, K) + db_CK, t, k, H * K, end, K)
    dn_CC *= keys_CC
    tl.store(dd + row + t * H, dd_C + dsince_C + tl.sum(dn_CC, 1), mask=t < end)
    later_CC = tl.cumsum(dn_CC * d_C[:, None], 0, reverse=True)
    dlog_C = number(dlog + row, t, H, end) + tl.cumsum(dsince_C * d_C, 0, reverse=True)
    dlog_C += tl.sum(tl.where(i[None, :] < i[:, None], later_CC, 0.0), 1)
    tl.store(dlog + row + t * H, dlog_C, mask=t < end)
