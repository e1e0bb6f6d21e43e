"""The gated short convolution as a Triton kernel, forward and backward.

y_BLD = c_BLD * sum_w h_DW[:, w] * u[t - w],  u = b_BLD * v_BLD,  zero before the start.

A program reads the W - 1 tokens before its tile and, in the backward pass, the W - 1 tokens after it. See
`star.ops.convolution.triton_tiles`.

B batch, L tokens, D channels, W taps, P tiles of tokens over all sequences.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.convolution.triton_configuration import Configuration, configuration
from star.ops.convolution.triton_tiles import jit, launch, read, rows_of, tap, tile, write


def gated_short_conv(
    c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor, configured: Configuration | None = None
) -> Tensor:
    """Compute `naive.gated_convolution` with one filter per channel: y_BLD in the dtype of c_BLD, summed in float32.

    It is differentiable once in all four tensors. They are float32 or bfloat16 with any strides; rows at a constant
    stride, such as the parts of one projection, are read in place.
    """
    configured = configured or configuration(c_BLD.shape[-1])
    y_BLD: Tensor = _GatedShortConv.apply(  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        c_BLD, b_BLD, v_BLD, h_DW, configured
    )
    return y_BLD


class _GatedShortConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c: Tensor, b: Tensor, v: Tensor, h: Tensor, configured: Configuration) -> Tensor:
        c, b, v, h = rows_of(c), rows_of(b), rows_of(v), h.contiguous()
        ctx.save_for_backward(c, b, v, h)
        ctx.configured = configured
        y = torch.empty(c.shape, dtype=c.dtype, device=c.device)
        launch(forward_kernel, (c, b, v), (h, y), configured)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        c, b, v, h = ctx.saved_tensors
        dc, db, dv = (torch.empty(c.shape, dtype=c.dtype, device=c.device) for _ in range(3))
        tiles = c.shape[0] * triton.cdiv(c.shape[1], ctx.configured.block_l)
        partial_PWD = torch.empty(tiles, h.shape[1], h.shape[0], dtype=torch.float32, device=c.device)
        launch(backward_kernel, (c, b, v, rows_of(dy)), (h, dc, db, dv, partial_PWD), ctx.configured)
        return dc, db, dv, partial_PWD.sum(0).T.to(h.dtype), None


@jit
def forward_kernel(
    c: tl.tensor,
    b: tl.tensor,
    v: tl.tensor,
    h: tl.tensor,
    y: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    c_pitch: tl.tensor,
    b_pitch: tl.tensor,
    v_pitch: tl.tensor,
    W: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> tl.tensor:
    """Compute one tile of y."""
    _, start, t, d = tile(L, D, BLOCK_L, BLOCK_D)
    sum_LD = tl.zeros((BLOCK_L, BLOCK_D), tl.float32)
    for w in tl.static_range(W):
        u_LD = read(b, start, t - w, d, L, D, b_pitch) * read(v, start, t - w, d, L, D, v_pitch)
        sum_LD += tap(h, w, d, D, W) * u_LD
    write(y, read(c, start, t, d, L, D, c_pitch) * sum_LD, start, t, d, L, D)


@jit
def backward_kernel(
    c: tl.tensor,
    b: tl.tensor,
    v: tl.tensor,
    dy: tl.tensor,
    h: tl.tensor,
    dc: tl.tensor,
    db: tl.tensor,
    dv: tl.tensor,
    partial_PWD: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    c_pitch: tl.tensor,
    b_pitch: tl.tensor,
    v_pitch: tl.tensor,
    dy_pitch: tl.tensor,
    W: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> tl.tensor:
    """Compute one tile of dc, db and dv, and its part of dh.

    With s = dy * c: du[t] = sum_w h_w s[t + w] and dh_w = sum_t s[t] u[t - w].
    """
    number, start, t, d = tile(L, D, BLOCK_L, BLOCK_D)
    dy_LD = read(dy, start, t, d, L, D, dy_pitch)
    s_LD = dy_LD * read(c, start, t, d, L, D, c_pitch)
    sum_LD = tl.zeros((BLOCK_L, BLOCK_D), tl.float32)
    for w in tl.static_range(W):
        u_LD = read(b, start, t - w, d, L, D, b_pitch) * read(v, start, t - w, d, L, D, v_pitch)
        sum_LD += tap(h, w, d, D, W) * u_LD
        tl.store(partial_PWD + (number * W + w) * D + d, tl.sum(s_LD * u_LD, 0), mask=d < D)
    write(dc, dy_LD * sum_LD, start, t, d, L, D)
    du_LD = tap(h, 0, d, D, W) * s_LD
    for w in tl.static_range(1, W):
        later_LD = read(dy, start, t + w, d, L, D, dy_pitch) * read(c, start, t + w, d, L, D, c_pitch)
        du_LD += tap(h, w, d, D, W) * later_LD
    write(db, du_LD * read(v, start, t, d, L, D, v_pitch), start, t, d, L, D)
    write(dv, du_LD * read(b, start, t, d, L, D, b_pitch), start, t, d, L, D)
