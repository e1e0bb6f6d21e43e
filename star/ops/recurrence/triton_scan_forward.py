"""The Triton kernels of the scan's forward pass: what each span adds to the state, and the outputs.

See `star.ops.recurrence.triton_spans`, also for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_spans import jit, keys, of_keys, of_rates, place, rates, read, tile, write


@jit
def ends_kernel(
    b: tl.tensor,
    a: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    ends: tl.tensor,
    reach: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    span: tl.tensor,
    spans: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    a_batch: tl.tensor,
    a_token: tl.tensor,
    d_batch: tl.tensor,
    d_token: tl.tensor,
    v_batch: tl.tensor,
    v_token: tl.tensor,
    K: tl.constexpr,
    R: tl.constexpr,
    SHARED: tl.constexpr,
    OF_TOKEN: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_K: tl.constexpr,
    CHUNK: tl.constexpr,
) -> tl.tensor:
    """Compute the state that a span leaves if it begins with zeros, and the log decay over the span."""
    batch, s, _, h = place(H, spans, BLOCK_H)
    k = tl.arange(0, BLOCK_K)
    b_at, in_b = keys(b + batch * b_batch, h, k, H, K, SHARED)
    a_at, in_a = rates(a + batch * a_batch, h, k, H, K, R, OF_TOKEN)
    d_at, v_at, in_h = d + batch * d_batch + h, v + batch * v_batch + h, h < H
    if not OF_TOKEN:
        a_KH = of_rates(read(a_at, in_a), R)
    state_KH = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    reach_KH = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    first = s * span
    end = tl.minimum(first + span, L)
    for i in range(tl.cdiv(end - first, CHUNK)):
        for j in tl.static_range(CHUNK):
            t = (first + i * CHUNK + j).to(tl.int64)
            here = t < end
            b_KH = of_keys(read(b_at + t * b_token, in_b & here), SHARED)
            d_H = read(d_at + t * d_token, in_h & here)
            v_H = read(v_at + t * v_token, in_h & here)
            if OF_TOKEN:
                a_KH = of_rates(read(a_at + t * a_token, in_a & here), R)
            log_decay_KH = d_H[None, :] * a_KH
            state_KH = tl.exp(log_decay_KH) * state_KH + b_KH * (d_H * v_H)[None, :]
            reach_KH += log_decay_KH
    at, inside = tile(h, k, H, K)
    at += (batch * spans + s) * K * H
    tl.store(ends + at, state_KH, mask=inside)
    tl.store(reach + at, reach_KH, mask=inside)


@jit
def outputs_kernel(
    c: tl.tensor,
    b: tl.tensor,
    a: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    starts: tl.tensor,
    y: tl.tensor,
    last: tl.tensor,
    kept: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    span: tl.tensor,
    spans: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    b_batch: tl.tensor,
    b_token: tl.tensor,
    a_batch: tl.tensor,
    a_token: tl.tensor,
    d_batch: tl.tensor,
    d_token: tl.tensor,
    v_batch: tl.tensor,
    v_token: tl.tensor,
    K: tl.constexpr,
    R: tl.constexpr,
    SHARED: tl.constexpr,
    OF_TOKEN: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_K: tl.constexpr,
    CHUNK: tl.constexpr,
    KEPT: tl.constexpr,
    KEEP: tl.constexpr,
) -> tl.tensor:
    """Compute y of a span from the state at its start, and the last state; keep the state before every KEPT tokens."""
    batch, s, _, h = place(H, spans, BLOCK_H)
    k = tl.arange(0, BLOCK_K)
    c_at, in_c = keys(c + batch * c_batch, h, k, H, K, SHARED)
    b_at, _ = keys(b + batch * b_batch, h, k, H, K, SHARED)
    a_at, in_a = rates(a + batch * a_batch, h, k, H, K, R, OF_TOKEN)
    d_at, v_at, in_h = d + batch * d_batch + h, v + batch * v_batch + h, h < H
    y_at = y + batch * L * H + h
    if not OF_TOKEN:
        a_KH = of_rates(read(a_at, in_a), R)
    at, inside = tile(h, k, H, K)
    state_KH = tl.load(starts + (batch * spans + s) * K * H + at, mask=inside, other=0.0)
    first = s * span
    end = tl.minimum(first + span, L)
    for n in range(tl.cdiv(end - first, KEPT)):
        if KEEP:
            tl.store(kept + (batch * tl.cdiv(L, KEPT) + first // KEPT + n) * K * H + at, state_KH, mask=inside)
        for i in range(KEPT // CHUNK):
            # Stores come after all loads of the chunk, so that the loads need not wait for them.
            ys = ()
            for j in tl.static_range(CHUNK):
                t = (first + n * KEPT + i * CHUNK + j).to(tl.int64)
                here = t < end
                c_KH = of_keys(read(c_at + t * c_token, in_c & here), SHARED)
                b_KH = of_keys(read(b_at + t * b_token, in_c & here), SHARED)
                d_H = read(d_at + t * d_token, in_h & here)
                v_H = read(v_at + t * v_token, in_h & here)
                if OF_TOKEN:
                    a_KH = of_rates(read(a_at + t * a_token, in_a & here), R)
                state_KH = tl.exp(d_H[None, :] * a_KH) * state_KH + b_KH * (d_H * v_H)[None, :]
                ys = ys + (tl.sum(c_KH * state_KH, 0),)  # type: ignore[assignment]  # noqa: RUF005  # Triton has no unpacking
            for j in tl.static_range(CHUNK):
                t = (first + n * KEPT + i * CHUNK + j).to(tl.int64)
                write(y_at + t * H, ys[j], in_h & (t < end))
    if s == spans - 1:
        tl.store(last + batch * K * H + at, state_KH, mask=inside)
