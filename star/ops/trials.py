"""What a kernel is tried with, where it is compared with PyTorch before its first use on a device.

B batch, L tokens, D channels, W taps, H heads, G heads of c and b (1 or H), K key
channels, V value channels, R decays of a head (1 or K).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from star.ops.convolution.causal import activated, gated
from star.ops.delta_rule import naive as delta_naive
from star.ops.recurrence import naive
from star.ops.recurrence.inputs import Inputs

BATCH, LENGTH, CHANNELS, TAPS = 2, 130, 40, 3
"""Sizes at which convolutions are compared: no multiple of a tile."""


SCANNED, HEADS = 70, 20
"""Tokens and heads of a scan: two spans, of which neither is full of kept states."""

MATRICES, KEYS, VALUES = 3, 16, 24
"""Heads, key and value channels of states with several values."""


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


def _scanned(keys: int, shared: bool, rates: int, of_token: bool, drawn: Generator, dtype: torch.dtype) -> list[Tensor]:
    """Draw the groups of a recurrence with one value channel, and a first state in float32."""
    groups = (BATCH, SCANNED, 1 if shared else HEADS, keys)
    a_BLHR = -torch.randn(BATCH if of_token else 1, SCANNED if of_token else 1, HEADS, rates, generator=drawn).exp()
    c_BLGK, b_BLGK = (torch.randn(groups, generator=drawn) for _ in range(2))
    d_BLH1, v_BLHV = (torch.randn(BATCH, SCANNED, HEADS, 1, generator=drawn) for _ in range(2))
    state_BHKV = torch.randn(BATCH, HEADS, keys, 1, generator=drawn)
    return [*(x.to(dtype) for x in (c_BLGK, b_BLGK, a_BLHR, d_BLH1.exp(), v_BLHV)), state_BHKV]


def _recurrent(form: Callable[..., Any], tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """Call a form of a recurrence: y_BLHV and the last state_BHKV."""
    *inputs, state_BHKV = tensors
    outputs: tuple[Tensor, ...] = form(Inputs(*inputs), state_BHKV)
    return outputs


SCAN = (
    Trial("16 shared keys, constant decays", naive.recurrence, partial(_scanned, 16, True, 16, False), _recurrent),
    Trial("one key, a decay a token", naive.recurrence, partial(_scanned, 1, False, 1, True), _recurrent),
    Trial("4 shared keys, one decay a token", naive.recurrence, partial(_scanned, 4, True, 1, True), _recurrent),
    Trial("2 keys, a decay each and a token", naive.recurrence, partial(_scanned, 2, False, 2, True), _recurrent),
)


def _matrices(rates: int, unit: bool, drawn: Generator, dtype: torch.dtype) -> list[Tensor]:
    """Draw the groups of a recurrence with several value channels, all heads with one c and b, and a first state.

    Args:
        unit: whether keys have length 1, without which the state of a delta rule grows without bound.
    """
    c_BLGK, b_BLGK = (torch.randn(BATCH, LENGTH, 1, KEYS, generator=drawn) for _ in range(2))
    a_BLHR, d_BLH1, v_BLHV = (
        torch.randn(BATCH, LENGTH, MATRICES, channels, generator=drawn) for channels in (rates, 1, VALUES)
    )
    b_BLGK = torch.nn.functional.normalize(b_BLGK, dim=-1) if unit else b_BLGK
    state_BHKV = torch.randn(BATCH, MATRICES, KEYS, VALUES, generator=drawn)
    return [*(x.to(dtype) for x in (c_BLGK, b_BLGK, -a_BLHR.abs(), d_BLH1.sigmoid(), v_BLHV)), state_BHKV]


MATRIX_STATES = tuple(
    Trial(f"a decay for each {each}", naive.recurrence, partial(_matrices, rates, False), _recurrent)
    for each, rates in (("head", 1), ("key", KEYS))
)

DELTA_RULE, DELTA_RULE_PER_KEY = (
    (Trial(f"a decay for each {each}", delta_naive.delta_rule, partial(_matrices, rates, True), _recurrent),)
    for each, rates in (("head", 1), ("key", KEYS))
)
