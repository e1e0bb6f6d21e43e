"""The Triton kernels for one decay a key, which no matrix product of a whole chunk can take: pairs of sub-chunks.

A later sub-chunk reads an earlier one through three factors: the decay up to the query, the decay over the sub-chunks
between, and the decay from the key on. None is above one, so nothing overflows, and two of them go into each matrix
product. Within a sub-chunk the decay between two tokens is computed for each pair.

See `star.ops.recurrence.triton_chunk.tiles`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_chunk.tiles import jit, number, place, product, read, write


@jit
def line(x: tl.tensor, t: tl.tensor, k: tl.tensor, token: tl.tensor, end: tl.tensor, K: tl.constexpr) -> tl.tensor:
    """Read keys k below K of one token in float32."""
    return tl.load(x + t * token + k, mask=(t < end) & (k < K), other=0.0).to(tl.float32)


@jit
def mixing_kernel(
    c: tl.tensor,
    b: tl.tensor,
    log: tl.tensor,
    mixing: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    c_head: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    b_head: tl.tensor,
    K: tl.constexpr,
    KEYS: tl.constexpr,
    C: tl.constexpr,
    J: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Compute what each token of a sub-chunk reads of the earlier tokens of its chunk, (B, L, H, C)."""
    batch, h, _, tokens, end = place(L, H, C)
    k, j = tl.arange(0, KEYS), tl.arange(0, J)
    chunk = tl.min(tokens, 0)
    r = tl.program_id(1)
    t = chunk + r * J + j
    row = batch * L * H + h
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    log += row * K
    mixing += row * C
    c_JK = read(c, t, k, c_token, end, K)
    read_JK = c_JK * tl.exp(tl.cumsum(read(log, t, k, H * K, end, K), 0))
    between_K = tl.zeros((KEYS,), tl.float32)
    for n in range(r):
        start = (r - 1 - n) * J
        past = chunk + start + j
        border = tl.minimum(end, chunk + start + J)
        after_JK = tl.cumsum(read(log, past + 1, k, H * K, border, K), 0, reverse=True)
        written_JK = read(b, past, k, b_token, border, K) * tl.exp(after_JK + between_K[None, :])
        between_K += tl.sum(read(log, past, k, H * K, border, K), 0)
        mixing_JJ = product(read_JK, tl.trans(written_JK), DOT, PRECISION)
        write(mixing, mixing_JJ, t, start + j, H * C, end, C)
    sums_JK = tl.zeros((J, KEYS), tl.float32)
    own_JJ = tl.zeros((J, J), tl.float32)
    for n in range(J):
        p = J - 1 - n
        at = chunk + r * J + p
        b_K = line(b, at, k, b_token, end, K)
        mixing_J = tl.sum(c_JK * tl.exp(sums_JK) * b_K[None, :], 1)
        own_JJ = tl.where((j[None, :] == p) & (j[:, None] >= p), mixing_J[:, None], own_JJ)
        sums_JK += tl.where(j[:, None] >= p, line(log, at, k, H * K, end, K)[None, :], 0.0)
    write(mixing, own_JJ, t, r * J + j, H * C, end, C)


@jit
def pairs_kernel(
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
    KEYS: tl.constexpr,
    C: tl.constexpr,
    J: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
) -> tl.tensor:
    """Add the gradients within a chunk to those of c, b and the log decays, from the last sub-chunk to the first.

    A log decay scales every product of a later query and an earlier key. Summed from a token to the end of the chunk,
    the gradient through queries less the gradient through keys is the sum over exactly these products; a token's
    product with itself, which does not decay, is left out of both.
    """
    batch, h, _, tokens, end = place(L, H, C)
    k, j = tl.arange(0, KEYS), tl.arange(0, J)
    chunk = tl.min(tokens, 0)
    row = batch * L * H + h
    c += batch * c_batch + h * c_head
    b += batch * b_batch + h * b_head
    log += row * K
    dmixing += row * C
    dc += row * K
    db += row * K
    dlog += row * K
    later_K = tl.zeros((KEYS,), tl.float32)
    for m in range(C // J):
        r = C // J - 1 - m
        start = chunk + r * J
        t = start + j
        stop = tl.minimum(end, start + J)
        c_JK, b_JK = read(c, t, k, c_token, stop, K), read(b, t, k, b_token, stop, K)
        through_c = tl.zeros((J, KEYS), tl.float32)
        through_b = tl.zeros((J, KEYS), tl.float32)
        between_K = tl.zeros((KEYS,), tl.float32)
        for n in range(r):
            past = start - (n + 1) * J + j
            border = tl.minimum(end, start - n * J)
            after_JK = tl.cumsum(read(log, past + 1, k, H * K, border, K), 0, reverse=True)
            written_JK = read(b, past, k, b_token, border, K) * tl.exp(after_JK + between_K[None, :])
            between_K += tl.sum(read(log, past, k, H * K, border, K), 0)
            dmixing_JJ = read(dmixing, t, (r - 1 - n) * J + j, H * C, stop, C)
            through_c += product(dmixing_JJ, written_JK, DOT, PRECISION)
        through_c *= tl.exp(tl.cumsum(read(log, t, k, H * K, stop, K), 0))
        between_K = tl.zeros((KEYS,), tl.float32)
        for n in range(m):
            future = start + (n + 1) * J + j
            border = tl.minimum(end, start + (n + 2) * J)
            log_JK = read(log, future, k, H * K, border, K)
            read_JK = read(c, future, k, c_token, border, K) * tl.exp(tl.cumsum(log_JK, 0) + between_K[None, :])
            between_K += tl.sum(log_JK, 0)
            dmixing_JJ = read(dmixing, future, r * J + j, H * C, border, C)
            through_b += product(tl.trans(dmixing_JJ), read_JK, DOT, PRECISION)
        through_b *= tl.exp(tl.cumsum(read(log, t + 1, k, H * K, stop, K), 0, reverse=True))
        sums_JK = tl.zeros((J, KEYS), tl.float32)
        for n in range(J):
            p = J - 1 - n
            dmixing_J = tl.where(j > p, number(dmixing + r * J + p, t, H * C, stop), 0.0)
            through_c += dmixing_J[:, None] * tl.exp(sums_JK) * line(b, start + p, k, b_token, stop, K)[None, :]
            sums_JK += tl.where(j[:, None] >= p, line(log, start + p, k, H * K, stop, K)[None, :], 0.0)
        sums_JK = tl.zeros((J, KEYS), tl.float32)
        for p in range(J):
            sums_JK += tl.where(j[:, None] < p, line(log, start + p, k, H * K, stop, K)[None, :], 0.0)
            dmixing_J = tl.where(j < p, line(dmixing, start + p, r * J + j, H * C, stop, C), 0.0)
            through_b += dmixing_J[:, None] * tl.exp(sums_JK) * line(c, start + p, k, c_token, stop, K)[None, :]
        through_JK = c_JK * through_c - b_JK * through_b
        dlog_JK = read(dlog, t, k, H * K, stop, K) + tl.cumsum(through_JK, 0, reverse=True) + later_K[None, :]
        write(dlog, dlog_JK, t, k, H * K, stop, K)
        later_K += tl.sum(through_JK, 0)
        own_J1 = number(dmixing + r * J + j, t, H * C, stop)[:, None]
        write(dc, read(dc, t, k, H * K, stop, K) + through_c + own_J1 * b_JK, t, k, H * K, stop, K)
        write(db, read(db, t, k, H * K, stop, K) + through_b + own_J1 * c_JK, t, k, H * K, stop, K)
