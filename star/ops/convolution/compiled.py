"""Causal convolutions of few taps on a CPU in one pass, compiled from `native/` when the package is installed.

B batch, L tokens, D channels, W taps, N threads.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native

MOST_TAPS = 8

_SIZES = ("batch", "length", "channels", "taps", "silu")
_TENSORS = ("x", "c", "b", "h", "dy", "y", "dx", "dc", "db", "dh")


class _Arguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _SIZES] + [(name, ctypes.c_void_p) for name in _TENSORS]


def supports(*inputs: Tensor) -> bool:
    """Return whether there is a compiled form that takes these tensors: float32 on a CPU, the filter h_DW the last."""
    first, h_DW = inputs[0], inputs[-1]
    return (
        native.library() is not None
        and h_DW.dim() == 2
        and 1 <= h_DW.shape[1] <= MOST_TAPS
        and first.numel() > 0
        and first.shape[2:] == h_DW.shape[:1]
        and all(x.shape == first.shape for x in inputs[:-1])
        and all(x.dtype is torch.float32 and x.device.type == "cpu" for x in inputs)
    )


def gated_convolution(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute y = c (h * (b v)); differentiable once in all inputs."""
    y_BLD: Tensor = _Convolution.apply(False, v_BLD, h_DW, c_BLD, b_BLD)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLD


def short_convolution(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    """Compute y = sigma(h * x) with SiLU as sigma or without one; differentiable once in both inputs."""
    y_BLD: Tensor = _Convolution.apply(silu, x_BLD, h_DW)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLD


class _Convolution(torch.autograd.Function):
    """Both passes; only the inputs are kept between them."""

    @staticmethod
    def forward(ctx: Any, silu: bool, *inputs: Tensor) -> Tensor:
        inputs = tuple(x.contiguous() for x in inputs)
        ctx.silu = silu
        ctx.save_for_backward(*inputs)
        y_BLD = torch.empty_like(inputs[0])
        _call(silu, *inputs, y=y_BLD)
        return y_BLD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_BLD, h_DW, *gates = ctx.saved_tensors
        dx_BLD, *dgates = (torch.empty_like(x) for x in (x_BLD, *gates))
        dh_NDW = h_DW.new_zeros(torch.get_num_threads(), *h_DW.shape)
        given = dict(zip(("dc", "db"), dgates, strict=False))
        _call(ctx.silu, x_BLD, h_DW, *gates, dy=dy_BLD.contiguous(), dx=dx_BLD, dh=dh_NDW, **given)
        return None, dx_BLD, dh_NDW.sum(0), *dgates


def _call(
    silu: bool, x: Tensor, h: Tensor, c: Tensor | None = None, b: Tensor | None = None, **tensors: Tensor
) -> None:
    given = {name: z for name, z in {"x": x, "h": h, "c": c, "b": b, **tensors}.items() if z is not None}
    sizes = (*x.shape, h.shape[1], silu)
    arguments = _Arguments(*sizes, **{name: z.data_ptr() for name, z in given.items()})
    native.required().convolve(ctypes.byref(arguments), torch.get_num_threads())
