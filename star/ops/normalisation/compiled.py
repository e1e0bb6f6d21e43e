"""Root mean square normalisation on a CPU in one pass, compiled from `native/` when the package is installed.

R rows, D channels, N threads.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native

EPSILON = ctypes.c_float(torch.finfo(torch.float32).eps)


def supports(x: Tensor, weight_D: Tensor) -> bool:
    """Return whether there is a compiled form that takes these tensors: float32 on a CPU."""
    return (
        x.device.type == "cpu"
        and x.dtype is weight_D.dtype is torch.float32
        and x.numel() > 0
        and native.library() is not None
    )


def rms_norm(x: Tensor, weight_D: Tensor) -> Tensor:
    """Compute `star.ops.normalisation.rms_norm`; differentiable once in both inputs."""
    if not torch.is_grad_enabled():  # decoding, of which autograd's call would be a large part
        return _normalised(x.contiguous(), weight_D.contiguous())[0]
    y: Tensor = _RMSNorm.apply(x, weight_D)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y


class _RMSNorm(torch.autograd.Function):
    """Between the passes the input and one number for each row are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_D: Tensor) -> Tensor:
        x, weight_D = x.contiguous(), weight_D.contiguous()
        y, inverse_R = _normalised(x, weight_D)
        ctx.save_for_backward(x, weight_D, inverse_R)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, weight_D, inverse_R = ctx.saved_tensors
        threads = torch.get_num_threads()
        dx, dweight_ND = torch.empty_like(x), weight_D.new_zeros(threads, len(weight_D))
        tensors = (x, weight_D, inverse_R, dy.contiguous(), dx, dweight_ND)
        _call("backward", tensors, inverse_R.numel(), x.shape[-1], threads)
        return dx, dweight_ND.sum(0)


def _normalised(x: Tensor, weight_D: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output and 1 / sqrt(mean(x^2) + epsilon) of each row."""
    y, inverse_R = torch.empty_like(x), x.new_empty(x.numel() // x.shape[-1])
    tensors = (x, weight_D, y, inverse_R)
    _call("forward", tensors, inverse_R.numel(), x.shape[-1], EPSILON, torch.get_num_threads())
    return y, inverse_R


def _call(function: str, tensors: tuple[Tensor, ...], rows: int, width: int, *rest: Any) -> None:
    pointers = (ctypes.c_void_p(x.data_ptr()) for x in tensors)
    getattr(native.required(), f"rms_norm_{function}")(*pointers, ctypes.c_int64(rows), ctypes.c_int64(width), *rest)
