"""Rotary position embedding on a CPU in one pass, compiled from `native/` when the package is installed.

B batch, L tokens, x leading axes, none or B, H heads, K channels per head, P = K // 2 pairs.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native
from star.ops.rotary.rotate import angles

TABLES = 16
"""Tables of angles that are kept, each for one length and head size."""

SHORTEST_TABLE = 256
"""Tokens of the shortest table that is kept."""

LARGEST_TABLE = 1 << 20
"""Angles of the largest table that is kept; a longer sequence takes much longer than its table."""


def supports(x_BLHK: Tensor) -> bool:
    """Return whether there is a compiled form that takes this tensor: float32 on a CPU, channels side by side."""
    return (
        x_BLHK.device.type == "cpu"
        and x_BLHK.dtype is torch.float32
        and x_BLHK.stride(-1) == 1
        and x_BLHK.numel() > 0
        and native.library() is not None
    )


def rotate(x_BLHK: Tensor, position: int | Tensor = 0) -> Tensor:
    """Compute `star.ops.rotary.rotate.rotate`; differentiable once."""
    length, half = x_BLHK.shape[1], x_BLHK.shape[3] // 2
    table_xL2P = _table(length, half, position)
    if not torch.is_grad_enabled():
        return _rotated(x_BLHK, table_xL2P, 1)
    y_BLHK: Tensor = _Rotation.apply(x_BLHK, table_xL2P)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHK


def _table(length: int, half: int, position: int | Tensor) -> Tensor:
    """Return cosines and sines of the angles, (x, L, 2, P), from a kept table if all sequences are at one place.

    A table is kept for twice as many tokens whenever one is too short, so decoding makes few of them.
    """
    if isinstance(position, int):
        end = max(SHORTEST_TABLE, 1 << (position + length - 1).bit_length())
        if end * half <= LARGEST_TABLE:
            return _kept(end, half)[position : position + length]
    return _made(length, half, position)


@lru_cache(TABLES)
def _kept(length: int, half: int) -> Tensor:
    return _made(length, half, 0)


def _made(length: int, half: int, position: int | Tensor) -> Tensor:
    angles_xLP = angles(length, half, position, torch.device("cpu"), torch.float32)
    return torch.stack([angles_xLP.cos(), angles_xLP.sin()], dim=-2)


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_BLHK: Tensor, table_xL2P: Tensor) -> Tensor:
        ctx.table = table_xL2P
        return _rotated(x_BLHK, table_xL2P, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLHK: Tensor) -> tuple[Tensor, None]:
        return _rotated(dy_BLHK if dy_BLHK.stride(-1) == 1 else dy_BLHK.contiguous(), ctx.table, -1), None


def _rotated(x_BLHK: Tensor, table_xL2P: Tensor, sign: int) -> Tensor:
    y_BLHK = x_BLHK.new_empty(x_BLHK.shape)
    tables = 1 if table_xL2P.dim() == 3 else len(table_xL2P)
    pointers = (ctypes.c_void_p(z.data_ptr()) for z in (x_BLHK, table_xL2P, y_BLHK))
    sizes = (ctypes.c_int64(size) for size in (*x_BLHK.shape, *x_BLHK.stride()[:3], tables))
    native.required().rotate(*pointers, *sizes, ctypes.c_float(sign), torch.get_num_threads())
    return y_BLHK
