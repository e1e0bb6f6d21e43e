"""The recurrence and the delta rule on a CPU, compiled from `native/` when the package is installed.

Without a compiler there is no library, `library()` is None, and PyTorch forms run instead.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key and V value channels, R decays of a head (1 or
K), N segments of tokens. States are (B, H, V, K) here, as in the compiled code.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native
from star.ops.recurrence.inputs import Inputs

LIBRARY = "star.ops.recurrence._native"
"""The extension that holds the compiled code."""

LANES = 8
"""The number of keys, or of heads with one value channel, that fill a vector register."""

LARGEST_STATE = 1 << 13
"""Largest state of a head, in numbers: the states of a segment take one or two megabytes of the stack."""

_SIZES = ("batch", "length", "heads", "groups", "keys", "values", "rates", "rate_batch", "rate_length", "delta")
_TENSORS = (
    *("c", "b", "a", "d", "v", "initial", "y", "last", "kept", "dy", "dlast"),
    *("dc", "db", "da", "dd", "dv", "dinitial"),
)


class _Arguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _SIZES] + [(name, ctypes.c_void_p) for name in _TENSORS]


def library() -> ctypes.CDLL | None:
    """Load the compiled code, or return None where there is none."""
    return native.library(LIBRARY)


def supports(inputs: Inputs, state_BHKV: Tensor) -> bool:
    """Return whether there is a compiled form that takes these tensors.

    They are float32 on a CPU and fill vector registers, and the state is small.
    For such tensors it is faster than chunks of matrix products, or about as fast (states of 32 x 16 to 128 x 64
    numbers).
    """
    keys, values = state_BHKV.shape[2:]
    return (
        library() is not None
        and all(x.dtype is torch.float32 and x.device.type == "cpu" for x in (*inputs, state_BHKV))
        and (values == 1 or keys == 1 or keys % LANES == 0)
        and keys * max(values, LANES) <= LARGEST_STATE
        and inputs.v.numel() > 0
        and not torch.compiler.is_compiling()
    )


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `star.ops.recurrence.naive` does; differentiable once in all inputs."""
    return _run(False, inputs, state_BHKV)


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `star.ops.delta_rule.naive` does; differentiable once in all inputs."""
    return _run(True, inputs, state_BHKV)


def _run(delta: bool, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    y_BLHV, last_BHVK = _Recurrence.apply(delta, *inputs, state_BHKV.mT)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV, last_BHVK.mT


class _Recurrence(torch.autograd.Function):
    """The compiled forward and backward pass; only the inputs and one state per segment are kept between them."""

    @staticmethod
    def forward(ctx: Any, delta: bool, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        c, b, a, d, v, initial = (x.contiguous() for x in tensors)
        y, last = torch.empty_like(v), torch.empty_like(initial)
        segments = -(-v.shape[1] // ctypes.c_int.in_dll(native.required(LIBRARY), "segment").value)
        kept_BHNVK = initial.new_empty(*initial.shape[:2], segments, *initial.shape[2:])
        _call("forward", delta, c=c, b=b, a=a, d=d, v=v, initial=initial, y=y, last=last, kept=kept_BHNVK)
        ctx.delta = delta
        ctx.save_for_backward(c, b, a, d, v, kept_BHNVK)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        dy, dlast = (x.contiguous() for x in grads)
        c, b, a, d, v, kept = ctx.saved_tensors
        dc, db, dd, dv, dinitial = (torch.empty_like(x) for x in (c, b, d, v, dlast))
        da = a.new_empty(len(v), *a.shape[1:])
        for shared in ([dc, db] if c.shape[2] == 1 else []) + ([da] if a.shape[1] == 1 else []):
            shared.zero_()  # The gradients of all tokens or heads are added to it.
        inputs = {"c": c, "b": b, "a": a, "d": d, "v": v, "kept": kept, "dy": dy, "dlast": dlast}
        _call("backward", ctx.delta, **inputs, dc=dc, db=db, da=da, dd=dd, dv=dv, dinitial=dinitial)
        return None, dc, db, da.sum_to_size(a.shape), dd, dv, dinitial


def _call(function: str, delta: bool, **tensors: Tensor) -> None:
    batch, length, heads, values = tensors["v"].shape
    groups, keys = tensors["c"].shape[2:]
    rate_batch, rate_length, _, rates = tensors["a"].shape
    sizes = (batch, length, heads, groups, keys, values, rates, rate_batch, rate_length, delta)
    arguments = _Arguments(*sizes, **{name: x.data_ptr() for name, x in tensors.items()})
    getattr(native.required(LIBRARY), function)(ctypes.byref(arguments), torch.get_num_threads())
