"""The recurrence and the delta rule on a CPU, compiled from `native/` when the package is installed.

Without a compiler there is no library, `library()` is None, and PyTorch forms run instead.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key and V value channels, R decays of a head (1 or
K), N segments of tokens. The compiled code computes small states token by token, as (B, H, V, K), and large ones in
chunks of tokens, as products of matrices (B, H, K, V).
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops import native
from star.ops.recurrence.inputs import Inputs

LANES = 8
"""The number of keys, or of heads with one value channel, that fill a vector register."""

LARGEST_STATE = 1 << 13
"""Largest state of a head, in numbers, that is computed token by token: the states of a segment lie on the stack."""

CHUNKED = 16
"""Chunks take numbers of keys and of values that are multiples of this one, which fill all vector registers."""

SMALLEST_CHUNKED = 1 << 10
"""Smallest state of a head, in numbers, that is computed in chunks. States of 32 x 16 take 0.8 to 1.3 times as long as
token by token, of 32 x 32 0.75 to 1.0 times, and of 128 x 64 0.4 to 0.5 times (docs/performance.md)."""

_SIZES = (
    *("batch", "length", "heads", "groups", "keys", "values", "rates", "rate_batch", "rate_length"),
    *("delta", "chunked"),
)
_TENSORS = (
    *("c", "b", "a", "d", "v", "initial", "y", "last", "kept", "dy", "dlast"),
    *("dc", "db", "da", "dd", "dv", "dinitial", "scratch"),
)


class _Arguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _SIZES] + [(name, ctypes.c_void_p) for name in _TENSORS]


def supports(inputs: Inputs, state_BHKV: Tensor) -> bool:
    """Return whether there is a compiled form that takes these tensors.

    They are float32 on a CPU and fill vector registers, and a state that is large is computed in chunks.
    """
    keys, values = state_BHKV.shape[2:]
    return (
        native.library() is not None
        and all(x.dtype is torch.float32 and x.device.type == "cpu" for x in (*inputs, state_BHKV))
        and (_chunked(keys, values) or _token_by_token(keys, values))
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
    chunked = _chunked(*state_BHKV.shape[2:])
    state = state_BHKV if chunked else state_BHKV.mT
    y_BLHV, last = _Recurrence.apply(delta, chunked, *inputs, state)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV, last if chunked else last.mT


def _token_by_token(keys: int, values: int) -> bool:
    return (values == 1 or keys == 1 or keys % LANES == 0) and keys * max(values, LANES) <= LARGEST_STATE


def _chunked(keys: int, values: int) -> bool:
    whole = keys % CHUNKED == 0 and values % CHUNKED == 0
    return whole and keys * values >= SMALLEST_CHUNKED and _scratch(keys, values) > 0


@cache
def _scratch(keys: int, values: int) -> int:
    """Return how many numbers of memory a thread needs for chunks; 0 where this processor does not run them."""
    count = native.required().recurrence_scratch
    count.argtypes, count.restype = [ctypes.c_int64] * 2, ctypes.c_int64
    return int(count(keys, values))


class _Recurrence(torch.autograd.Function):
    """The compiled forward and backward pass; only the inputs and one state per segment are kept between them."""

    @staticmethod
    def forward(ctx: Any, delta: bool, chunked: bool, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        c, b, a, d, v, initial = (x.contiguous() for x in tensors)
        y, last = torch.empty_like(v), torch.empty_like(initial)
        segments = -(-v.shape[1] // ctypes.c_int.in_dll(native.required(), "recurrence_segment").value)
        kept = initial.new_empty(*initial.shape[:2], segments, *initial.shape[2:])
        _call("forward", delta, chunked, c=c, b=b, a=a, d=d, v=v, initial=initial, y=y, last=last, kept=kept)
        ctx.form = delta, chunked
        ctx.save_for_backward(c, b, a, d, v, kept)
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
        _call("backward", *ctx.form, **inputs, dc=dc, db=db, da=da, dd=dd, dv=dv, dinitial=dinitial)
        return None, None, dc, db, da.sum_to_size(a.shape), dd, dv, dinitial


def _call(function: str, delta: bool, chunked: bool, **tensors: Tensor) -> None:
    batch, length, heads, values = tensors["v"].shape
    groups, keys = tensors["c"].shape[2:]
    rate_batch, rate_length, _, rates = tensors["a"].shape
    sizes = (batch, length, heads, groups, keys, values, rates, rate_batch, rate_length, delta, chunked)
    threads = torch.get_num_threads()
    if chunked:
        tensors["scratch"] = tensors["v"].new_empty(threads * _scratch(keys, values))
    arguments = _Arguments(*sizes, **{name: x.data_ptr() for name, x in tensors.items()})
    getattr(native.required(), f"recurrence_{function}")(ctypes.byref(arguments), threads)
