"""What a kernel is tried with, where it is compared with PyTorch before its first use on a device.

B batch, L tokens, D channels, W taps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from star.ops.convolution.causal import activated, gated

BATCH, LENGTH, CHANNELS, TAPS = 2, 130, 40, 3
"""Sizes at which convolutions are compared: no multiple of a tile."""


class Trial(NamedTuple):
    """One comparison of a kernel with its meaning.

    Attributes:
        case: what sets this comparison apart from the others of the kernel, in words.
        meaning: a PyTorch form of the operator, which takes what the kernel takes.
        inputs: draws the floating tensors for a dtype of features, on a CPU. The gradient of each is compared.
        outputs: calls a form with these tensors and returns its outputs, which are compared.
    """

    case: str
    meaning: Callable[..., Any]
    inputs: Callable[[Generator, torch.dtype], list[Tensor]]
    outputs: Callable[[Callable[..., Any], list[Tensor]], tuple[Tensor, ...]]


def _convolved(features: int, drawn: Generator, dtype: torch.dtype) -> list[Tensor]:
    """Draw so many features x_BLD and a filter h_DW, which is in float32, as parameters are."""
    xs_BLD = [torch.randn(BATCH, LENGTH, CHANNELS, generator=drawn).to(dtype) for _ in range(features)]
    return [*xs_BLD, torch.randn(CHANNELS, TAPS, generator=drawn)]


GATED_CONVOLUTION = (Trial("gated", gated, partial(_convolved, 3), lambda form, tensors: (form(*tensors),)),)

SHORT_CONVOLUTION = (
    Trial("with SiLU", activated, partial(_convolved, 1), lambda form, tensors: (form(*tensors, True),)),
    Trial("without SiLU", activated, partial(_convolved, 1), lambda form, tensors: (form(*tensors, False),)),
)
