"""Tiles of tokens and channels, as the Triton kernels of short convolutions cut, read and write them.

Each program computes one tile of BLOCK_L tokens by BLOCK_D channels of one sequence. It also reads what it needs of
the tokens around the tile, so programs do not wait for each other. What is summed over tokens is summed within a
tile, stored, and reduced over tiles afterwards: no atomics are used, so equal inputs give equal bits. For the same
reason the tile comes from a table and not from autotuning, in which a measured time would decide the order of
summation.

B batch, L tokens, D channels, W taps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from star.ops.convolution.triton_configuration import Configuration


def launch(
    kernel: Any, rows: tuple[Tensor, ...], rest: tuple[Tensor, ...], configured: Configuration, **further: Any
) -> None:
    """Start a program for every tile.

    Args:
        kernel: takes `rows`, `rest`, L, D and the row strides, and then W, `further`, BLOCK_L and BLOCK_D as constants.
        rows: tensors x_BLD with row strides of their own.
        rest: contiguous tensors, the filter h_DW first.
    """
    sequences, length, channels = rows[0].shape
    tiles = sequences * triton.cdiv(length, configured.block_l) * triton.cdiv(channels, configured.block_d)
    with torch.cuda.device_of(rows[0]):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernel[(tiles,)](
            *rows,
            *rest,
            length,
            channels,
            *map(pitch_of, rows),
            W=rest[0].shape[1],
            **further,
            BLOCK_L=configured.block_l,
            BLOCK_D=configured.block_d,
            num_warps=configured.num_warps,
            num_stages=configured.num_stages,
        )


def rows_of(x_BLD: Tensor) -> Tensor:
    """Return the tensor itself if its B L rows lie at a constant stride, and otherwise a contiguous copy."""
    sequences, length, channels = x_BLD.shape
    dense = x_BLD.stride(2) == 1 or channels == 1
    even = sequences == 1 or x_BLD.stride(0) == length * pitch_of(x_BLD)
    return x_BLD if dense and even else x_BLD.contiguous()


def pitch_of(x_BLD: Tensor) -> int:
    """Return the number of elements from one row to the next."""
    return x_BLD.stride(1) if x_BLD.shape[1] > 1 else x_BLD.stride(0)


def jit(function: Callable[..., Any]) -> Any:
    """Compile for Triton. The length is not specialised, because each new length would then be compiled."""
    return triton.jit(function, do_not_specialize=["L"])


@jit
def tile(L: tl.tensor, D: tl.tensor, BLOCK_L: tl.constexpr, BLOCK_D: tl.constexpr) -> tl.tensor:
    """Find the tile of this program: its number, the first row of its sequence, its tokens and its channels."""
    program = tl.program_id(0)
    across = tl.cdiv(D, BLOCK_D)
    along = tl.cdiv(L, BLOCK_L)
    number = program // across
    start = (number // along).to(tl.int64) * L
    t = (number % along) * BLOCK_L + tl.arange(0, BLOCK_L)
    d = (program % across) * BLOCK_D + tl.arange(0, BLOCK_D)
    return number.to(tl.int64), start, t, d


@jit
def at(start: tl.tensor, t: tl.tensor, d: tl.tensor, pitch: tl.tensor) -> tl.tensor:
    return (start + t)[:, None] * pitch + d[None, :]


@jit
def inside(t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor) -> tl.tensor:
    return ((t >= 0) & (t < L))[:, None] & (d < D)[None, :]


@jit
def read(
    x: tl.tensor, start: tl.tensor, t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor, pitch: tl.tensor
) -> tl.tensor:
    """Read a tile in float32, with zeros outside its sequence."""
    return tl.load(x + at(start, t, d, pitch), mask=inside(t, d, L, D), other=0.0).to(tl.float32)


@jit
def write(
    x: tl.tensor, value: tl.tensor, start: tl.tensor, t: tl.tensor, d: tl.tensor, L: tl.tensor, D: tl.tensor
) -> tl.tensor:
    tl.store(x + at(start, t, d, D), value.to(x.dtype.element_ty), mask=inside(t, d, L, D))


@jit
def tap(h: tl.tensor, w: tl.tensor, d: tl.tensor, D: tl.tensor, W: tl.constexpr) -> tl.tensor:
    return tl.load(h + d * W + w, mask=d < D, other=0.0).to(tl.float32)[None, :]
