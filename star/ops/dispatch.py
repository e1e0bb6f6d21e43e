"""The one place that decides between a kernel and a structure's PyTorch form.

`auto` (the default) takes a kernel for what it supports on the device it is for: Triton's on a GPU, those in C on a
CPU where they are compiled. The environment variable STAR_KERNELS or, before it, the context manager `forced` says
otherwise: `torch` never takes a kernel, `triton` takes Triton's for CPU tensors too, which works under
TRITON_INTERPRET=1 only and is how they are tested without a GPU.
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

from star.ops.recurrence import compiled as recurrence

Kernel = Callable[..., Any]
MODES = ("auto", "triton", "torch")
LONGEST_FILTER = 8
_forced: ContextVar[str | None] = ContextVar("forced", default=None)


def kernel(structure: str, *features: Tensor) -> Kernel | None:
    """The kernel that mixes these features, or None when the PyTorch form is to be used.

    Args:
        structure: a structure's name. "toeplitz": a gated short convolution of c_BLD, b_BLD, v_BLD (one dtype,
            float32 or bfloat16) and h_DW (either; W at most 8). "semi_separable" and "delta": see
            `star.ops.recurrence.compiled`. Other structures have no kernel: None.
        features: what would be mixed, in the order of the structure's formula.

    Returns:
        A differentiable function of `features`; for "toeplitz" it returns y_BLD in the dtype of c_BLD, for recurrences
        y_BLHV and the last state_BHKV.

    Raises:
        ValueError: STAR_KERNELS is not one of auto, triton, torch.
        RuntimeError: a kernel is forced where none can run.
    """
    mode = _mode()
    entry = _KERNELS.get(structure)
    if mode == "torch" or entry is None or not features or not entry.supports(*features):
        return None
    device = features[0].device
    if mode == "triton" and entry.language is _Language.TRITON:
        _require_runnable(device)
    elif not _fit(entry.language, device):
        return None
    return entry.load()


@contextmanager
def forced(mode: str) -> Iterator[None]:
    """Choose `mode` (auto, triton or torch) for all that runs inside, whatever the environment says.

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
    """Whether kernels are compiled for this chip; Triton's for NVIDIA from compute capability 8.0, AMD from gfx90a."""
    if language is _Language.C:
        return device.type == "cpu" and recurrence.library() is not None
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
    """A row of the table: a kernel's language, which features it takes, and how to get it, imported no sooner."""

    language: _Language
    supports: Callable[..., bool]
    load: Callable[[], Kernel]


def _short_filter(*features: Tensor) -> bool:
    if len(features) != 4:
        return False
    c, b, v, h = features
    return (
        c.ndim == 3
        and c.shape == b.shape == v.shape
        and c.numel() > 0
        and h.ndim == 2
        and h.shape[0] == c.shape[2]
        and 1 <= h.shape[1] <= LONGEST_FILTER
        and c.dtype == b.dtype == v.dtype
        and {c.dtype, h.dtype} <= {torch.float32, torch.bfloat16}
        and c.device == b.device == v.device == h.device
    )


def _toeplitz() -> Kernel:
    from star.ops.convolution.triton import gated_short_conv

    return gated_short_conv


_KERNELS = {
    "toeplitz": _Entry(_Language.TRITON, _short_filter, _toeplitz),
    "semi_separable": _Entry(_Language.C, recurrence.supports, lambda: recurrence.semi_separable),
    "delta": _Entry(_Language.C, recurrence.supports, lambda: recurrence.delta),
}
