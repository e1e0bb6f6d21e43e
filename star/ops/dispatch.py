"""The choice of the form in which an operator runs: compiled, as a Triton kernel, or in PyTorch.

The mode `auto` (the default) takes a kernel for tensors that it supports on the device it is made for: a Triton kernel
on a GPU where it computes what PyTorch does (see `star.ops.trust`), a compiled one on a CPU. `torch` never takes a
kernel. `triton` takes Triton's kernels without that comparison and for CPU tensors too, which works only under
TRITON_INTERPRET=1 and tests them without a GPU. The context manager `forced` sets the mode, and otherwise the
environment variable STAR_KERNELS.

B batch, L tokens, D channels, H heads, K key channels, V value channels, W taps.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from star.ops.convolution.causal import activated, gated
from star.ops.delta_rule import chunk as delta_chunk
from star.ops.delta_rule import naive as delta_naive
from star.ops.recurrence import chunk, compiled, naive, scan
from star.ops.recurrence.inputs import Inputs
from star.ops.trust import trusted

Kernel = Callable[..., Any]
MODES = ("auto", "triton", "torch")
LONGEST_FILTER = 8
LONGEST_RECOMPUTED = 4
"""Taps of a short convolution, of which the backward pass computes W convolutions again."""

_forced: ContextVar[str | None] = ContextVar("forced", default=None)


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `star.ops.recurrence.naive.recurrence` in the fastest form: y_BLHV and the last state_BHKV.

    A single token is computed by `naive`. In PyTorch, states with one value channel are scanned, because they have no
    matrix product; others are computed in chunks.
    """
    if inputs.length == 1:
        y_BHV, state_BHKV = naive.token(inputs.token(0), state_BHKV)
        return y_BHV.unsqueeze(1), state_BHKV
    in_torch = chunk.recurrence if inputs.v.shape[-1] > 1 else scan.recurrence
    y_BLHV, state_BHKV = (kernel("recurrence", inputs, state_BHKV) or in_torch)(inputs, state_BHKV)
    return y_BLHV, state_BHKV


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `star.ops.delta_rule.naive.delta_rule` in the fastest form: y_BLHV and the last state_BHKV."""
    if inputs.length == 1:
        y_BHV, state_BHKV = delta_naive.token(inputs.token(0), state_BHKV)
        return y_BHV.unsqueeze(1), state_BHKV
    form = kernel("delta_rule", inputs, state_BHKV) or delta_chunk.delta_rule
    y_BLHV, state_BHKV = form(inputs, state_BHKV)
    return y_BLHV, state_BHKV


def gated_convolution(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Compute y = c (h * (b v)), a gated causal convolution, in the fastest form: y_BLD."""
    run = kernel("gated_convolution", c_BLD, b_BLD, v_BLD, h_DW) or gated
    y_BLD: Tensor = run(c_BLD, b_BLD, v_BLD, h_DW)
    return y_BLD


def short_convolution(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    """Compute y = sigma(h * x), a causal convolution and SiLU or nothing behind it, in the fastest form: y_BLD."""
    y_BLD: Tensor = (kernel("short_convolution", x_BLD, h_DW) or activated)(x_BLD, h_DW, silu)
    return y_BLD


def kernel(operator: str, *inputs: Any) -> Kernel | None:
    """Return the kernel for these inputs, or None where a PyTorch form is to be used.

    Args:
        operator: "gated_convolution" of c_BLD, b_BLD, v_BLD (one dtype, float32 or bfloat16) and h_DW (either dtype,
            W at most 8); "short_convolution" of x_BLD and h_DW alike (W at most 4); "recurrence" or "delta_rule" of
            `Inputs` and state_BHKV (see `star.ops.recurrence.compiled`). Other operators have no kernel: None.
        inputs: the operator's inputs in that order.

    Returns:
        A differentiable function of `inputs` (a short convolution is also told whether SiLU follows) that returns
        y_BLD in the dtype of the first one, or y_BLHV and the last state_BHKV.

    Raises:
        ValueError: STAR_KERNELS is not one of auto, triton, torch.
        RuntimeError: a kernel is forced where none can run.
    """
    mode = _mode()
    entry = _KERNELS.get(operator)
    if mode == "torch" or entry is None or not inputs or not entry.supports(*inputs):
        return None
    device = inputs[-1].device
    if mode == "triton" and entry.language is _Language.TRITON:
        _require_runnable(device)
        return entry.load()
    if not _fit(entry.language, device):
        return None
    run = entry.load()
    return run if entry.language is _Language.C or trusted(operator, run, device) else None


@contextmanager
def forced(mode: str) -> Iterator[None]:
    """Set the mode to auto, triton or torch inside the context; it takes precedence over STAR_KERNELS.

    Raises:
        ValueError: the mode is unknown.
    """
    token = _forced.set(_checked(mode, "the kernel mode"))
    try:
        yield
    finally:
        _forced.reset(token)


def _mode() -> str:
    return _forced.get() or _checked(os.environ.get("STAR_KERNELS") or "auto", "STAR_KERNELS")


def _checked(mode: str, what: str) -> str:
    if mode not in MODES:
        raise ValueError(f"{what} is {mode!r}; legal: {', '.join(MODES)}")
    return mode


@cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None


class _Language(Enum):
    TRITON = "triton"
    C = "c"


@cache
def _fit(language: _Language, device: torch.device) -> bool:
    """Return whether kernels in this language run here; Triton's need compute capability 8.0 (AMD: gfx90a) or above."""
    if language is _Language.C:
        return device.type == "cpu" and compiled.library() is not None
    return device.type == "cuda" and _installed() and torch.cuda.get_device_capability(device) >= (8, 0)


def _require_runnable(device: torch.device) -> None:
    if not _installed():
        raise RuntimeError("kernels are forced to triton, which is not installed; install it or choose auto")
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise RuntimeError(
            f"kernels are forced to triton for tensors on {device.type}; "
            "that takes Triton's interpreter: set TRITON_INTERPRET=1 before Python starts, or choose auto"
        )


class _Entry(NamedTuple):
    """A row of the table: the language of a kernel, the inputs that it supports, and the function that imports it."""

    language: _Language
    supports: Callable[..., bool]
    load: Callable[[], Kernel]


def _convolvable(features: int, taps: int) -> Callable[..., bool]:
    """Return the test whether so many features x_BLD of one shape and a filter h_DW are what a kernel takes."""

    def supports(*inputs: Tensor) -> bool:
        if len(inputs) != features + 1:
            return False
        first, h = inputs[0], inputs[-1]
        return (
            first.ndim == 3
            and first.numel() > 0
            and h.ndim == 2
            and h.shape[0] == first.shape[2]
            and 1 <= h.shape[1] <= taps
            and {first.dtype, h.dtype} <= {torch.float32, torch.bfloat16}
            and h.device == first.device
            and all((x.shape, x.dtype, x.device) == (first.shape, first.dtype, first.device) for x in inputs[1:-1])
        )

    return supports


def _gated_short_convolution() -> Kernel:
    from star.ops.convolution.triton import gated_short_conv

    return gated_short_conv


def _short_convolution() -> Kernel:
    from star.ops.convolution.triton_short import short_conv

    return short_conv


_KERNELS = {
    "gated_convolution": _Entry(_Language.TRITON, _convolvable(3, LONGEST_FILTER), _gated_short_convolution),
    "short_convolution": _Entry(_Language.TRITON, _convolvable(1, LONGEST_RECOMPUTED), _short_convolution),
    "recurrence": _Entry(_Language.C, compiled.supports, lambda: compiled.recurrence),
    "delta_rule": _Entry(_Language.C, compiled.supports, lambda: compiled.delta_rule),
}
