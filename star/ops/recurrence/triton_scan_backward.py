"""The Triton kernels of the scan's backward pass: what each span adds to the adjoint of the state, and the gradients.

The adjoint of the state after token t is the gradient of the loss by it. See `star.ops.recurrence.triton_spans`, also
for the legend.
"""

from __future__ import annotations

import triton.language as tl

from star.ops.recurrence.triton_spans import jit, keys, of_keys, of_rates, place, rates, read, tile, write


@jit
def adjoints_kernel(
    c: tl.tensor,
    a: tl.tensor,
    d: tl.tensor,
    dy: tl.tensor,
    ends: tl.tensor,
    L: tl.tensor,
    H: tl.tensor,
    span: tl.tensor,
    spans: tl.tensor,
    c_batch: tl.tensor,
    c_token: tl.tensor,
    a_batch: tl.tensor,
    a_token: tl.tensor,
    d_batch: tl.tensor,
    d_token: tl.tensor,
    dy_batch: tl.tensor,
    dy_token: tl.tensor,
    K: tl.constexpr,
    R: tl.constexpr,
    SHARED: tl.constexpr,
    OF_TOKEN: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_K: tl.constexpr,
    CHUNK: tl.constexpr,
) -> tl.tensor:
    """Compute the adjoint of the state at the start of a span if nothing after the span depends on that at its end."""
    batch, s, _, h = place(H, spans, BLOCK_H)
    k = tl.arange(0, BLOCK_K)
    c_at, in_c = keys(c + batch * c_batch, h, k, H, K, SHARED)
    a_at, in_a = rates(a + batch * a_batch, h, k, H, K, R, OF_TOKEN)
    d_at, dy_at, in_h = d + batch * d_batch + h, dy + batch * dy_batch + h, h < H
    if not OF_TOKEN:
        a_KH = of_rates(read(a_at, in_a), R)
    adjoint_KH = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    first = s * span
    end = tl.minimum(first + span, L)
    chunks = tl.cdiv(end - first, CHUNK)
    for i in range(chunks):
        for j in tl.static_range(CHUNK):
            t = (first + (chunks - i) * CHUNK - 1 - j).to(tl.int64)
            here = t < end
            c_KH = of_keys(read(c_at + t * c_token, in_c & here), SHARED)
            d_H = read(d_at + t * d_token, in_h & here)
            dy_H = read(dy_at + t * dy_token, in_h & here)
            if OF_TOKEN:
                a_KH = of_rates(read(a_at + t * a_token, in_a & here), R)
            adjoint_KH = tl.exp(d_H[None, :] * a_KH) * (adjoint_KH + c_KH * dy_H[None, :])
    at, inside = tile(h, k, H, K)
    tl.store(ends + (batch * spans + s) * K * H + at, adjoint_KH, mask=inside)


@jit
def gradients_kernel(
    c: tl.tensor,
    b: tl.tensor,
    a: tl.tensor,
    d: tl.tensor,
    v: tl.tensor,
    dy: tl.tensor,
    kept: tl.tensor,
    arriving: tl.tensor,
    dc: tl.tensor,
    db: tl.tensor,
    da: tl.tensor,
    dd: tl.tensor,
    dv: tl.tensor,
    dinitial: tl.tensor,
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
    dy_batch: tl.tensor,
    dy_token: tl.tensor,
    K: tl.constexpr,
    R: tl.constexpr,
    SHARED: tl.constexpr,
    OF_TOKEN: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_K: tl.constexpr,
    CHUNK: tl.constexpr,
    KEPT: tl.constexpr,
) -> tl.tensor:
    """Compute all gradients of a span, from its last token to its first.

    The states of a chunk are computed again from the kept state before it and stay in registers. Where channels share
    keys, dc and db are sums over the block of channels, (blocks, B, L, K); log decays that tokens share have sums over
    the span, (B, S, R, H).
    """
    batch, s, block, h = place(H, spans, BLOCK_H)
    k = tl.arange(0, BLOCK_K)
    c_at, in_c = keys(c + batch * c_batch, h, k, H, K, SHARED)
    b_at, _ = keys(b + batch * b_batch, h, k, H, K, SHARED)
    a_at, in_a = rates(a + batch * a_batch, h, k, H, K, R, OF_TOKEN)
    d_at, v_at, in_h = d + batch * d_batch + h, v + batch * v_batch + h, h < H
    dy_at = dy + batch * dy_batch + h
    keys_token = K if SHARED else K * H
    row = (block * (tl.num_programs(0) // tl.cdiv(H, BLOCK_H) // spans) + batch) * L if SHARED else batch * L
    dc_at, _ = keys(dc + row * keys_token, h, k, H, K, SHARED)
    db_at, _ = keys(db + row * keys_token, h, k, H, K, SHARED)
    da_at, _ = rates(da + (batch * L if OF_TOKEN else batch * spans + s) * R * H, h, k, H, K, R, OF_TOKEN)
    dd_at, dv_at = dd + batch * L * H + h, dv + batch * L * H + h
    if not OF_TOKEN:
        a_KH = of_rates(read(a_at, in_a), R)
    da_KH = tl.zeros((BLOCK_K, BLOCK_H), tl.float32)
    at, inside = tile(h, k, H, K)
    adjoint_KH = tl.load(arriving + (batch * spans + s) * K * H + at, mask=inside, other=0.0)
    first = s * span
    end = tl.minimum(first + span, L)
    groups = tl.cdiv(end - first, KEPT)
    for n in range(groups):
        group = first + (groups - 1 - n) * KEPT
        for m in range(KEPT // CHUNK):
            state_KH = tl.load(kept + (batch * tl.cdiv(L, KEPT) + group // KEPT) * K * H + at, mask=inside, other=0.0)
            before = ()
            for i in range(KEPT // CHUNK - 1 - m):
                for j in tl.static_range(CHUNK):
                    t = (group + i * CHUNK + j).to(tl.int64)
                    b_KH = of_keys(read(b_at + t * b_token, in_c & (t < end)), SHARED)
                    d_H = read(d_at + t * d_token, in_h & (t < end))
                    v_H = read(v_at + t * v_token, in_h & (t < end))
                    if OF_TOKEN:
                        a_KH = of_rates(read(a_at + t * a_token, in_a & (t < end)), R)
                    state_KH = tl.exp(d_H[None, :] * a_KH) * state_KH + b_KH * (d_H * v_H)[None, :]
            chunk = group + KEPT - (m + 1) * CHUNK
            for j in tl.static_range(CHUNK):
                t = (chunk + j).to(tl.int64)
                before = before + (state_KH,)  # type: ignore[assignment]  # noqa: RUF005  # Triton has no unpacking
                b_KH = of_keys(read(b_at + t * b_token, in_c & (t < end)), SHARED)
                d_H = read(d_at + t * d_token, in_h & (t < end))
                v_H = read(v_at + t * v_token, in_h & (t < end))
                if OF_TOKEN:
                    a_KH = of_rates(read(a_at + t * a_token, in_a & (t < end)), R)
                state_KH = tl.exp(d_H[None, :] * a_KH) * state_KH + b_KH * (d_H * v_H)[None, :]
            for j in tl.static_range(CHUNK):
                t = (chunk + CHUNK - 1 - j).to(tl.int64)
                here = t < end
                c_KH = of_keys(read(c_at + t * c_token, in_c & here), SHARED)
                b_KH = of_keys(read(b_at + t * b_token, in_c & here), SHARED)
                d_H = read(d_at + t * d_token, in_h & here)
                v_H = read(v_at + t * v_token, in_h & here)
                dy_H = read(dy_at + t * dy_token, in_h & here)
                if OF_TOKEN:
                    a_KH = of_rates(read(a_at + t * a_token, in_a & here), R)
                dc_KH = state_KH * dy_H[None, :]
                adjoint_KH += c_KH * dy_H[None, :]
                db_KH = adjoint_KH * (d_H * v_H)[None, :]
                dw_H = tl.sum(adjoint_KH * b_KH, 0)
                adjoint_KH *= tl.exp(d_H[None, :] * a_KH)
                state_KH = before[CHUNK - 1 - j]
                dlog_KH = adjoint_KH * state_KH
                write(dc_at + t * keys_token, tl.sum(dc_KH, 1) if SHARED else dc_KH, in_c & here)
                write(db_at + t * keys_token, tl.sum(db_KH, 1) if SHARED else db_KH, in_c & here)
                write(dv_at + t * H, d_H * dw_H, in_h & here)
                write(dd_at + t * H, v_H * dw_H + tl.sum(a_KH * dlog_KH, 0), in_h & here)
                if OF_TOKEN:
                    of_token = tl.sum(dlog_KH, 0) * d_H if R == 1 else dlog_KH * d_H[None, :]
                    write(da_at + t * R * H, of_token, in_a & here)
                else:
                    da_KH += dlog_KH * d_H[None, :]
    tl.store(dinitial + batch * K * H + at, adjoint_KH, mask=inside & (s == 0))
    if not OF_TOKEN:
        write(da_at, tl.sum(da_KH, 0) if R == 1 else da_KH, in_a)
