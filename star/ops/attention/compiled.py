"""Causal attention on a CPU, compiled from `native/` when the package is installed.

Tiles of queries and keys stay in registers and the first cache, and no score is kept (Dao 2023, FlashAttention-2,
arXiv 2307.08691). Without a compiler there is no library, `supports` is False, and PyTorch's attention runs instead.

B batch, L tokens, H query heads, G key heads (a divisor of H), K and V channels per head.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native

FEWEST_SCORES = 1 << 13
"""Scores, B H L L, from which the work outweighs the call; below them PyTorch is faster (docs/performance.md)."""

MOST_PARTS = 8
"""Threads that share the queries of one key head; each copies its keys and values, in the order in which it reads."""

_SIZES = ("batch", "length", "heads", "groups", "keys", "values", "window")
_STRIDED = ("q", "k", "v", "dy")
_TENSORS = (*_STRIDED, "y", "highest", "inverse", "dq", "dk", "dv", "work")


class _Arguments(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in _SIZES),
        *((f"{name}_{axis}", ctypes.c_int64) for name in _STRIDED for axis in ("batch", "token", "head")),
        ("scale", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in _TENSORS),
    ]


def supports(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor) -> bool:
    """Return whether there is a compiled form that takes these tensors, and is faster than PyTorch's.

    They are float32 on a CPU, and not few. Under autocast PyTorch's attention rounds them, as was asked.
    """
    inputs = (q_BLHK, k_BLGK, v_BLGV)
    return (
        native.library() is not None
        and all(x.dtype is torch.float32 and x.device.type == "cpu" and x.numel() > 0 for x in inputs)
        and len(q_BLHK) * q_BLHK.shape[2] * q_BLHK.shape[1] ** 2 >= FEWEST_SCORES
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def attention(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, window: int | None = None) -> Tensor:
    """Compute y_BLHV as `star.ops.attention.naive` does; differentiable once in all inputs."""
    length = q_BLHK.shape[1]
    y_BLHV: Tensor = _Attention.apply(q_BLHK, k_BLGK, v_BLGV, min(window or length, length))  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV


class _Attention(torch.autograd.Function):
    """The compiled passes; inputs, outputs and two numbers for each row of scores are kept between them."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
        q, k, v = (_rows(x) for x in (q, k, v))
        y_BLHV = q.new_empty(*q.shape[:3], v.shape[3])
        highest_BHL, inverse_BHL = q.new_empty(2, len(q), q.shape[2], q.shape[1])
        _call(False, window, q=q, k=k, v=v, y=y_BLHV, highest=highest_BHL, inverse=inverse_BHL)
        ctx.window = window
        ctx.save_for_backward(q, k, v, y_BLHV, highest_BHL, inverse_BHL)
        return y_BLHV

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, y, highest, inverse = ctx.saved_tensors
        dq, dk, dv = (torch.empty_like(x, memory_format=torch.contiguous_format) for x in (q, k, v))
        kept = {"q": q, "k": k, "v": v, "y": y, "highest": highest, "inverse": inverse}
        _call(True, ctx.window, **kept, dy=_rows(dy), dq=dq, dk=dk, dv=dv)
        return dq, dk, dv, None


def _rows(x_BLHK: Tensor) -> Tensor:
    """Return the tensor as it lies, or a copy, so that the channels of a head lie side by side."""
    return x_BLHK if x_BLHK.stride(3) == 1 else x_BLHK.contiguous()


@cache
def _compiled() -> ctypes.CDLL:
    found = native.required()
    found.attention_workspace.restype = ctypes.c_int64
    return found


def _call(backwards: bool, window: int, **tensors: Tensor) -> None:
    batch, length, heads, keys = tensors["q"].shape
    groups, values = tensors["v"].shape[2:]
    compiled, pairs = _compiled(), batch * groups
    threads = min(torch.get_num_threads(), pairs * (1 if backwards else MOST_PARTS))
    strides = (number for name in _STRIDED for number in (tensors[name].stride()[:3] if name in tensors else (0, 0, 0)))
    sizes = (batch, length, heads, groups, keys, values, window)
    arguments = _Arguments(*sizes, *strides, keys**-0.5, **{name: x.data_ptr() for name, x in tensors.items()})
    work = tensors["q"].new_empty(threads * compiled.attention_workspace(ctypes.byref(arguments), int(backwards)))
    arguments.work = work.data_ptr()
    form = compiled.attention_backward if backwards else compiled.attention_forward
    form(ctypes.byref(arguments), threads)
