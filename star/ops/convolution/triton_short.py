"""The short convolution of a feature as a Triton kernel, forward and backward, with SiLU behind it or nothing.

y_BLD = sigma(s_BLD),  s_BLD = sum_w h_DW[:, w] * x[t - w],  zero before the start.

With SiLU, s is not kept: the backward pass computes it again, at the tile and at the W - 1 tokens after it. See
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


def short_conv(x_BLD: Tensor, h_DW: Tensor, silu: bool, configured: Configuration | None = None) -> Tensor:
    """Compute `causal` and then SiLU or nothing: y_BLD in the dtype of x_BLD, summed in float32.

    It is differentiable once in both tensors. They are float32 or bfloat16 with any strides; rows at a constant
    stride, such as the parts of one projection, are read in place.
    """
    y_BLD: Tensor = _ShortConv.apply(  # type: ignore[no-untyped-call]  # torch leaves apply untyped
        x_BLD, h_DW, silu, configured or configuration(x_BLD.shape[-1])
    )
    return y_BLD


class _ShortConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, h: Tensor, silu: bool, configured: Configuration) -> Tensor:
        x, h = rows_of(x), h.contiguous()
        ctx.save_for_backward(x, h)
        ctx.silu, ctx.configured = silu, configured
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        launch(short_forward_kernel, (x,), (h, y), configured, SILU=silu)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, h = ctx.saved_tensors
        dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        tiles = x.shape[0] * triton.cdiv(x.shape[1], ctx.configured.block_l)
        partial_PWD = torch.empty(tiles, h.shape[1], h.shape[0], dtype=torch.float32, device=x.device)
        launch(short_backward_kernel, (x, rows_of(dy)), (h, dx, partial_PWD), ctx.configured, SILU=ctx.silu)
        return dx, partial_PWD.sum(0).T.to(h.dtype), None, None


@jit
def _sum(
    x: tl.tensor,
    h: tl.tensor,
    start: tl.tensor,
    t: tl.tensor,
    d: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    x_pitch: tl.tensor,
    W: tl.constexpr,
) -> tl.tensor:
    """Compute s at tokens t."""
    s_LD = tap(h, 0, d, D, W) * read(x, start, t, d, L, D, x_pitch)
    for w in tl.static_range(1, W):
        s_LD += tap(h, w, d, D, W) * read(x, start, t - w, d, L, D, x_pitch)
    return s_LD


@jit
def _through(
    x: tl.tensor,
    dy: tl.tensor,
    h: tl.tensor,
    start: tl.tensor,
    t: tl.tensor,
    d: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    x_pitch: tl.tensor,
    dy_pitch: tl.tensor,
    W: tl.constexpr,
    SILU: tl.constexpr,
) -> tl.tensor:
    """Compute the gradient of s at tokens t, 0 after the last one."""
    ds_LD = read(dy, start, t, d, L, D, dy_pitch)
    if SILU:
        s_LD = _sum(x, h, start, t, d, L, D, x_pitch, W)
        gate_LD = tl.sigmoid(s_LD)
        ds_LD *= gate_LD * (1 + s_LD * (1 - gate_LD))
    return ds_LD


@jit
def short_forward_kernel(
    x: tl.tensor,
    h: tl.tensor,
    y: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    x_pitch: tl.tensor,
    W: tl.constexpr,
    SILU: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> tl.tensor:
    """Compute one tile of y."""
    _, start, t, d = tile(L, D, BLOCK_L, BLOCK_D)
    s_LD = _sum(x, h, start, t, d, L, D, x_pitch, W)
    if SILU:
        s_LD *= tl.sigmoid(s_LD)
    write(y, s_LD, start, t, d, L, D)


@jit
def short_backward_kernel(
    x: tl.tensor,
    dy: tl.tensor,
    h: tl.tensor,
    dx: tl.tensor,
    partial_PWD: tl.tensor,
    L: tl.tensor,
    D: tl.tensor,
    x_pitch: tl.tensor,
    dy_pitch: tl.tensor,
    W: tl.constexpr,
    SILU: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_D: tl.constexpr,
) -> tl.tensor:
    """Compute one tile of dx, and its part of dh: dx[t] = sum_w h_w ds[t + w] and dh_w = sum_t ds[t] x[t - w]."""
    number, start, t, d = tile(L, D, BLOCK_L, BLOCK_D)
    ds_LD = _through(x, dy, h, start, t, d, L, D, x_pitch, dy_pitch, W, SILU)
    dx_LD = tap(h, 0, d, D, W) * ds_LD
    for w in tl.static_range(W):
        product_LD = ds_LD * read(x, start, t - w, d, L, D, x_pitch)
        tl.store(partial_PWD + (number * W + w) * D + d, tl.sum(product_LD, 0), mask=d < D)
    for w in tl.static_range(1, W):
        later_LD = _through(x, dy, h, start, t + w, d, L, D, x_pitch, dy_pitch, W, SILU)
        dx_LD += tap(h, w, d, D, W) * later_LD
    write(dx, dx_LD, start, t, d, L, D)
