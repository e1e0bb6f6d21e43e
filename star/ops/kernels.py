"""The kernels of all operators: which inputs each supports, and what it is tried with before it is trusted.

B batch, L tokens, D channels, W taps, H heads, K key channels, V value channels.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import torch
from torch import Tensor

from star.ops import library, products, trials
from star.ops.attention import compiled as attention
from star.ops.convolution import compiled as convolved
from star.ops.normalisation import compiled as normalised
from star.ops.recurrence import compiled
from star.ops.recurrence.inputs import Inputs
from star.ops.rotary import compiled as rotary
from star.ops.trials import Trial

MOST_KEYS = 32
"""Keys of a state with one value channel: a thread of the scan holds a state and its adjoint in 2 K registers."""

MOST_CHANNELS = 128
"""Key and value channels of a state with several values, of which the kernels hold a token's keys at a time."""

ONE_DECAY = 1
"""Decays of a head of a delta rule that our Triton kernels compute; with one for each key PyTorch runs."""

LONGEST_FILTER = 8
LONGEST_RECOMPUTED = 4
"""Taps of a short convolution, of which the backward pass computes W convolutions again."""


class Language(Enum):
    """What a kernel is written in, or whose it is, which decides where it runs (see `star.ops.dispatch`)."""

    C = "c"
    ONEDNN = "onednn"
    TRITON = "triton"
    FLA = "flash-linear-attention"


NEEDED = {Language.C: (), Language.ONEDNN: (), Language.TRITON: ("triton",), Language.FLA: ("triton", "fla")}
"""The modules that kernels need beside PyTorch."""

ON_CPU = frozenset({Language.C, Language.ONEDNN})
"""The languages of kernels that run on a CPU; the others run on GPUs."""


class Kernel(NamedTuple):
    """A row of the table.

    Attributes:
        operator: its name in `star.ops.dispatch.kernel`.
        language: of the kernel.
        supports: whether the kernel takes these inputs, wherever they lie.
        load: imports the kernel, a differentiable function of the inputs.
        trials: its comparisons with PyTorch on a device. C has none, because the suite runs where it was compiled, and
            oneDNN is compared where it is timed.
    """

    operator: str
    language: Language
    supports: Callable[..., bool]
    load: Callable[[], Callable[..., Any]]
    trials: tuple[Trial, ...] = ()


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


def _recurrent(keys: int, values: range, decays: int | None = None) -> Callable[..., bool]:
    """Return the test whether a recurrence has at most so many keys, such values, and a state in float32.

    Args:
        decays: the most decays of a head; None where each key may have one.
    """

    def supports(inputs: Inputs, state_BHKV: Tensor) -> bool:
        return (
            state_BHKV.shape[2] <= keys
            and state_BHKV.shape[3] in values
            and (decays is None or inputs.a.shape[3] <= decays)
            and state_BHKV.dtype is torch.float32
            and {x.dtype for x in inputs} <= {torch.float32, torch.bfloat16}
            and {x.device for x in inputs} == {state_BHKV.device}
            and inputs.v.numel() > 0
        )

    return supports


def _in_library(per_key: bool) -> Callable[..., bool]:
    """Return the test whether the library takes these tensors and each key has a decay, or each head."""

    def supports(inputs: Inputs, state_BHKV: Tensor) -> bool:
        return library.supports(inputs, state_BHKV) and (inputs.a.shape[3] > 1) is per_key

    return supports


def _gated_short_convolution() -> Callable[..., Any]:
    from star.ops.convolution.triton import gated_short_conv

    return gated_short_conv


def _short_convolution() -> Callable[..., Any]:
    from star.ops.convolution.triton_short import short_conv

    return short_conv


def _scan() -> Callable[..., Any]:
    from star.ops.recurrence.triton_scan import recurrence

    return recurrence


def _chunked() -> Callable[..., Any]:
    from star.ops.recurrence.triton_chunk.form import recurrence

    return recurrence


def _delta_rule() -> Callable[..., Any]:
    from star.ops.delta_rule.triton_chunk.form import delta_rule

    return delta_rule


KERNELS = (
    Kernel("projection", Language.ONEDNN, products.supports, lambda: products.linear),
    Kernel(
        "gated_convolution",
        Language.TRITON,
        _convolvable(3, LONGEST_FILTER),
        _gated_short_convolution,
        trials.GATED_CONVOLUTION,
    ),
    Kernel(
        "short_convolution",
        Language.TRITON,
        _convolvable(1, LONGEST_RECOMPUTED),
        _short_convolution,
        trials.SHORT_CONVOLUTION,
    ),
    Kernel("gated_convolution", Language.C, convolved.supports, lambda: convolved.gated_convolution),
    Kernel("short_convolution", Language.C, convolved.supports, lambda: convolved.short_convolution),
    Kernel("rms_norm", Language.C, normalised.supports, lambda: normalised.rms_norm),
    Kernel("rotation", Language.C, rotary.supports, lambda: rotary.rotate),
    Kernel("attention", Language.C, attention.supports, lambda: attention.attention),
    Kernel("recurrence", Language.C, compiled.supports, lambda: compiled.recurrence),
    Kernel("recurrence", Language.TRITON, _recurrent(MOST_KEYS, range(1, 2)), _scan, trials.SCAN),
    Kernel(
        "recurrence",
        Language.TRITON,
        _recurrent(MOST_CHANNELS, range(2, MOST_CHANNELS + 1)),
        _chunked,
        trials.MATRIX_STATES,
    ),
    Kernel("recurrence", Language.FLA, library.supports, lambda: library.recurrence, trials.MATRIX_STATES),
    Kernel("delta_rule", Language.C, compiled.supports, lambda: compiled.delta_rule),
    Kernel(
        "delta_rule",
        Language.TRITON,
        _recurrent(MOST_CHANNELS, range(1, MOST_CHANNELS + 1), ONE_DECAY),
        _delta_rule,
        trials.DELTA_RULE,
    ),
    Kernel("delta_rule", Language.FLA, _in_library(False), lambda: library.delta_rule, trials.DELTA_RULE),
    Kernel(
        "delta_rule", Language.FLA, _in_library(True), lambda: library.delta_rule_per_key, trials.DELTA_RULE_PER_KEY
    ),
)
"""All kernels. An operator may have several; the first that supports the inputs, runs there and is trusted is taken."""
