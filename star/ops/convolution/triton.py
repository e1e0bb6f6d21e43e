"""The gated short convolution as a Triton kernel, forward and backward.

y_BLD = c_BLD * sum_w h_DW[:, w] * u[t - w],  u = b_BLD * v_BLD,  zero before the start.

Each program computes one tile of BLOCK_L tokens by BLOCK_D channels of one sequence. It also reads the W - 1 tokens
before the tile and, in the backward pass, the W - 1 tokens after it, so programs do not wait for each other. The
gradient of the filter is summed within a tile, stored, and reduced over tiles afterwards: no atomics are used, so equal
inputs give equal bits. For the same reason the tile comes from a table and not from autotuning, in which a measured
time would decide the order of summation.

B batch, L tokens, D channels, W taps, P tiles of tokens over all sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.convolution.triton_configuration import Configuration, configuration


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
        c, b, v, h = _rows(c), _rows(b), _rows(v), h.contiguous()
        ctx.save_for_backward(c, b, v, h)
        ctx.configured = configured
        y = torch.empty(c.shape, dtype=c.dtype, device=c.device)
        _launch(forward_kernel, (c, b, v), (h, y), configured)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        c, b, v, h = ctx.saved_tensors
        dc, db, dv = (torch.empty(c.shape, dtype=c.dtype, device=c.device) for _ in range(3))
        tiles = c.shape[0] * triton.cdiv(c.shape[1], ctx.configured.block_l)
        partial_PWD = torch.empty(tiles, h.shape[1], h.shape[0], dtype=torch.float32, device=c.device)
        _launch(backward_kernel, (c, b, v, _rows(dy)), (h, dc, db, dv, partial_PWD), ctx.configured)
        return dc, db, dv, partial_PWD.sum(0).T.to(h.dtype), None


def _launch(kernel: Any, rows: tuple[Tensor, ...], rest: tuple[Tensor, ...], configured: Configuration) -> None:
    """Start a program for every tile.

    Each tensor of `rows` has a row stride of its own. The tensors of `rest` are contiguous, the filter first.
    """
    sequences, length, channels = rows[0].shape
    tiles = sequences * triton.cdiv(length, configured.block_l) * triton.cdiv(channels, configured.block_d)
    with torch.cuda.device_of(rows[0]):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernel[(tiles,)](
            *rows,
            *rest,
            length,
            channels,
            *map(_pitch, rows),
            W=rest[0].shape[1],
            BLOCK_L=configured.block_l,
            BLOCK_D=configured.block_d,
            num_warps=configured.num_warps,
            num_stages=configured.num_stages,
        )


def _rows(x_BLD: Tensor) -> Tensor:
    """Return the tensor itself if its B L rows lie at a constant stride, and otherwise a contiguous copy."""
    sequences, length, channels = x_BLD.shape
    dense = x_BLD.stride(2) == 1 or channels == 1
    even = sequences == 1 or x_BLD.stride(0) == length * _pitch(x_BLD)
    return x_BLD if dense and even else x_BLD.contiguous()


def _pitch(x_BLD: Tensor) -> int:
    """Return the number of elements from one row to the next."""
    return x_BLD.stride(1) if x_BLD.shape[1] > 1 else x_BLD.stride(0)


def _jit(function: Callable[..., Any]) -> Any:
    """Compile for Triton. The length is not specialised, because each new length would then be compiled."""
    return triton.jit(function, do_not_specialize=["L"])


@_jit
def _tile(L: tl.tensor, D: tl.tensor, BLOCK_L: tl.constexpr, BLOCK_D: tl.constexpr) -> tl.tensor:
    """Find the tile of this program: its number, the first row of its sequence, its tokens and its channels."""
    program = tl.program_id(0)
    across = tl.cdiv(D, BLOCK_D)
    along = tl.cdiv(L, BLOCK_L)
    number = program // across
    start = (number // along).to(tl.int64) * L
    t = (number % along) * BLOCK_L + tl.arange(0, BLOCK_L)
    d = (program % across) * BLOCK_D + tl.arange(0, BLOCK_D)
    return number.to(tl.int64), start, t, d


@_jit
def _at(start: tl.tensor, t: tl.tensor, d: tl.tensor, pitch: tl.tensor) -> tl.tensor:
    return (start + t)[:, None] * pitch + d[None, :]


@_jit
def _inside(t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor) -> tl.tensor:
    return ((t >= 0) & (t < L))[:, None] & (d < D)[None, :]


@_jit
def _read(
    x: tl.tensor, start: tl.tensor, t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor, pitch: tl.tensor
) -> tl.tensor:
    """Read a tile in float32, with zeros outside its sequence."""
    return tl.load(x + _at(start, t, d, pitch), mask=_inside(t, d, L, D), other=0.0).to(tl.float32)


@_jit
def _write(
    x: tl.tensor, value: tl.tensor, start: tl.tensor, t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor
) -> tl.tensor:
    tl.store(x + _at(start, t, d, D), value.to(x.dtype.element_ty), mask=_inside(t, d, L, D))


@_jit
def _tap(h: tl.tensor, w: tl.tensor, d: tl.tensor, D: tl.tensor, W: tl.constexpr) -> tl.tensor:
    return tl.load(h + d * W + w, mask=d < D, other=0.0).to(tl.float32)[None, :]


@_jit
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
    _, start, t, d = _tile(L, D, BLOCK_L, BLOCK_D)
    sum_LD = tl.zeros((BLOCK_L, BLOCK_D), tl.float32)
    for w in tl.static_range(W):
        u_LD = _read(b, start, t - w, d, L, D, b_pitch) * _read(v, start, t - w, d, L, D, v_pitch)
        sum_LD += _tap(h, w, d, D, W) * u_LD
    _write(y, _read(c, start, t, d, L, D, c_pitch) * sum_LD, start, t, d, L, D)


@_jit
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
    number, start, t, d = _tile(L, D, BLOCK_L, BLOCK_D)
    dy_LD = _read(dy, start, t, d, L, D, dy_pitch)
    s_LD = dy_LD * _read(c, start, t, d, L, D, c_pitch)
    sum_LD = tl.zeros((BLOCK_L, BLOCK_D), tl.float32)
    for w in tl.static_range(W):
        u_LD = _read(b, start, t - w, d, L, D, b_pitch) * _read(v, start, t - w, d, L, D, v_pitch)
        sum_LD += _tap(h, w, d, D, W) * u_LD
        tl.store(partial_PWD + (number * W + w) * D + d, tl.sum(s_LD * u_LD, 0), mask=d < D)
    _write(dc, dy_LD * sum_LD, start, t, d, L, D)
    du_LD = _tap(h, 0, d, D, W) * s_LD
    for w in tl.static_range(1, W):
        later_LD = _read(dy, start, t + w, d, L, D, dy_pitch) * _read(c, start, t + w, d, L, D, c_pitch)
        du_LD += _tap(h, w, d, D, W) * later_LD
    _write(db, du_LD * _read(v, start, t, d, L, D, v_pitch), start, t, d, L, D)
    _write(dv, du_LD * _read(b, start, t, d, L, D, b_pitch), start, t, d, L, D)
