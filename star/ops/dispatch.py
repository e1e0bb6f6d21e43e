"""The choice of the form in which an operator runs: compiled, as a Triton kernel, or in PyTorch.

The mode `auto` (the default) takes a kernel for tensors that it supports on the device it is made for: on a CPU a
compiled one, on a GPU one of Triton, or of flash-linear-attention where that is installed, which computes there what
PyTorch does (see `star.ops.trust`). An operator may have several (`star.ops.kernels`), of which the first fit one is
taken. Within a graph, compiled or exported, tensors on a CPU take none. `torch` never takes a kernel. `triton` takes
Triton's kernels and no others, without that comparison and for CPU tensors too, which works only under
TRITON_INTERPRET=1 and tests them without a GPU. The context manager `forced` sets the mode, and otherwise the
environment variable STAR_KERNELS.

B batch, L tokens, D channels, H heads, K key channels, V value channels, W taps, I and O channels in and out.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.convolution.causal import activated, gated
from star.ops.delta_rule import chunk as delta_chunk
from star.ops.delta_rule import naive as delta_naive
from star.ops.forms import PYTORCH, report
from star.ops.kernels import KERNELS, NEEDED, ON_CPU, Kernel, Language
from star.ops.normalisation.rms_norm import rms_norm as rms_norm_in_torch
from star.ops.recurrence import chunk, naive, scan
from star.ops.recurrence.inputs import Inputs
from star.ops.rotary.rotate import rotate as rotate_in_torch
from star.ops.trust import trusted

MODES = ("auto", "triton", "torch")

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


def gated_convolution(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_HW: Tensor) -> Tensor:
    """Compute y = c (h * (b v)), a gated causal convolution, in the fastest form: y_BLD.

    Each of H filters convolves as many neighbouring channels.
    """
    run = kernel("gated_convolution", c_BLD, b_BLD, v_BLD, h_HW) or gated
    y_BLD: Tensor = run(c_BLD, b_BLD, v_BLD, h_HW)
    return y_BLD


def short_convolution(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    """Compute y = sigma(h * x), a causal convolution and SiLU or nothing behind it, in the fastest form: y_BLD."""
    y_BLD: Tensor = (kernel("short_convolution", x_BLD, h_DW) or activated)(x_BLD, h_DW, silu)
    return y_BLD


def linear(x: Tensor, weight_OI: Tensor) -> Tensor:
    """Compute x W^T, (..., O) from x (..., I), in the fastest form; differentiable once where a kernel is taken."""
    y: Tensor = (kernel("projection", x, weight_OI) or F.linear)(x, weight_OI)
    return y


def rms_norm(x: Tensor, weight_D: Tensor) -> Tensor:
    """Compute `star.ops.normalisation.rms_norm` in the fastest form."""
    y: Tensor = (kernel("rms_norm", x, weight_D) or rms_norm_in_torch)(x, weight_D)
    return y


def rotate(x_BLHK: Tensor, position: int | Tensor = 0) -> Tensor:
    """Compute `star.ops.rotary.rotate` in the fastest form: y_BLHK."""
    y_BLHK: Tensor = (kernel("rotation", x_BLHK) or rotate_in_torch)(x_BLHK, position)
    return y_BLHK


def kernel(operator: str, *inputs: Any) -> Callable[..., Any] | None:
    """Return the kernel for these inputs, or None where a PyTorch form is to be used; `star.ops.forms` is told which.

    Args:
        operator: "projection" of x (..., I) and weight_OI; "rms_norm" of x (..., D) and weight_D; "rotation" of x_BLHK;
            "gated_convolution" of c_BLD, b_BLD, v_BLD (one dtype, float32 or bfloat16) and h_DW (either dtype, W at
            most 8); "short_convolution" of x_BLD and h_DW alike (W at most 4); "attention" of q_BLHK, k_BLGK and v_BLGV
            of a whole sequence; "recurrence" or "delta_rule" of `Inputs` and state_BHKV (see
            `star.ops.recurrence.compiled`). Other operators have no kernel: None.
        inputs: the operator's inputs in that order.

    Returns:
        A differentiable function of `inputs` (a short convolution is also told whether SiLU follows, and attention its
        window or None) that returns y_BLD in the dtype of the first one, y_BLHV, or y_BLHV and the last state_BHKV.

    Raises:
        ValueError: STAR_KERNELS is not one of auto, triton, torch.
        RuntimeError: a kernel is forced where none can run.
    """
    if torch.compiler.is_compiling() and inputs and inputs[-1].device.type == "cpu":
        return None
    row = _chosen(operator, inputs)
    report(operator, PYTORCH if row is None else row.language.value)
    return None if row is None else row.load()


def _chosen(operator: str, inputs: tuple[Any, ...]) -> Kernel | None:
    mode = _mode()
    if mode == "torch" or not inputs:
        return None
    device = inputs[-1].device
    for row in KERNELS:
        if row.operator != operator or not row.supports(*inputs):
            continue
        if mode == "triton":
            if row.language is Language.TRITON:
                _require_runnable(device)
                return row
        elif _fit(row.language, device) and trusted(row, device):
            return row
    return None


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
def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@cache
def _fit(language: Language, device: torch.device) -> bool:
    """Return whether kernels in this language run here; Triton's need compute capability 8.0 (AMD: gfx90a) or above.

    A kernel in C supports no inputs where it is not compiled, and one of oneDNN none where it is slower.
    """
    if language in ON_CPU:
        return device.type == "cpu"
    if device.type != "cuda" or not all(_installed(module) for module in NEEDED[language]):
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _require_runnable(device: torch.device) -> None:
    if not _installed("triton"):
        raise RuntimeError("kernels are forced to triton, which is not installed; install it or choose auto")
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise RuntimeError(
            f"kernels are forced to triton for tensors on {device.type}; "
            "that takes Triton's interpreter: set TRITON_INTERPRET=1 before Python starts, or choose auto"
        )
