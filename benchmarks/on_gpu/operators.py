"""The operators that are measured on a GPU: their inputs, and the forms that are compared.

B batch, L tokens, D channels, W taps, H heads, K key channels, V value channels. Key and value channels are as many.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.attention.full import causal_attention
from star.ops.convolution.causal import activated, causal, gated
from star.ops.delta_rule import chunk as delta_chunk
from star.ops.recurrence import chunk, scan
from star.ops.recurrence.inputs import Inputs

Draw = Callable[..., Tensor]
Shape = tuple[int, ...]
Form = Callable[..., Any]

LENGTHS = ((128, 512), (16, 4096), (4, 16384), (1, 65536))
"""Sequences and their tokens: 65,536 tokens in all."""


class Operator(NamedTuple):
    """An operator.

    Attributes:
        kernel: its name in `star.ops.kernels`; None if it has no kernel.
        axes: the letters of its shapes.
        inputs: draws the tensors of a shape, all as leaves.
        arguments: the arguments of a form, from these tensors.
        forms: by name, "pytorch" first, which is STAR's own where no kernel runs.
        shapes: that are measured.
        tiny: a shape for a dry run.
        options: further arguments of a form, by name.
        products: floating-point operations of the matrix products in forward and backward, by shape.
        meaning: the form that the others are compared with, in float64.
        compared: tokens of the longest sequence at which they are compared.
    """

    kernel: str | None
    axes: str
    inputs: Callable[[Draw, Shape], list[Tensor]]
    arguments: Callable[[list[Tensor]], tuple[Any, ...]]
    forms: dict[str, Form]
    shapes: tuple[Shape, ...]
    tiny: Shape
    options: dict[str, Any]
    products: Callable[[Shape], int] = lambda shape: 0
    meaning: str = "pytorch"
    compared: int = 65536


def _conv1d(x_BLD: Tensor, h_DW: Tensor) -> Tensor:
    """Convolve by `torch.nn.functional.conv1d`."""
    channels, taps = h_DW.shape
    x_BDL = F.pad(x_BLD.transpose(1, 2), (taps - 1, 0))
    return F.conv1d(x_BDL, h_DW.flip(1).unsqueeze(1), groups=channels).transpose(1, 2)


def _gated_conv1d(c_BLD: Tensor, b_BLD: Tensor, v_BLD: Tensor, h_DW: Tensor) -> Tensor:
    return c_BLD * _conv1d(b_BLD * v_BLD, h_DW)


def _silu_conv1d(x_BLD: Tensor, h_DW: Tensor, silu: bool) -> Tensor:
    return F.silu(_conv1d(x_BLD, h_DW))


def _convolved(features: int, draw: Draw, shape: Shape) -> list[Tensor]:
    """Draw so many features x_BLD and a filter h_DW."""
    *size, taps = shape
    return [*(draw(*size) for _ in range(features)), draw(size[-1], taps) / taps]


def _scanned(draw: Draw, shape: Shape) -> list[Tensor]:
    """Draw what Mamba-1 has: keys that all channels share, constant decays, and a first state in float32."""
    batch, length, channels, keys = shape
    c_BL1K, b_BL1K = (draw(batch, length, 1, keys) for _ in range(2))
    d_BLH1, v_BLH1 = (draw(batch, length, channels, 1) for _ in range(2))
    state_BHK1 = draw(batch, channels, keys, 1).float()
    return [c_BL1K, b_BL1K, -draw(1, 1, channels, keys).exp(), F.softplus(d_BLH1), v_BLH1, state_BHK1]


def _matrices(per_key: bool, shared: bool, unit: bool, draw: Draw, shape: Shape) -> list[Tensor]:
    """Draw the groups of a state with several value channels, and a first state in float32.

    Args:
        per_key: whether each key has a decay of its own.
        shared: whether all heads share c and b.
        unit: whether keys have length 1, without which the state of a delta rule grows without bound.
    """
    batch, length, heads, keys = shape
    c_BLGK, b_BLGK = (draw(batch, length, 1 if shared else heads, keys) for _ in range(2))
    a_BLHR, d_BLH1, v_BLHV = (draw(batch, length, heads, size) for size in (keys if per_key else 1, 1, keys))
    b_BLGK = F.normalize(b_BLGK, dim=-1) if unit else b_BLGK / keys**0.5
    state_BHKV = torch.zeros(batch, heads, keys, keys, device=v_BLHV.device)
    return [c_BLGK, b_BLGK, F.logsigmoid(a_BLHR), d_BLH1.sigmoid(), v_BLHV, state_BHKV]


def _recurrent(tensors: list[Tensor]) -> tuple[Any, ...]:
    return Inputs(*tensors[:5]), tensors[5]


def _attended(draw: Draw, shape: Shape) -> list[Tensor]:
    return [draw(*shape) for _ in range(3)]


def _sdpa(q_BLHK: Tensor, k_BLHK: Tensor, v_BLHV: Tensor) -> Tensor:
    q_BHLK, k_BHLK, v_BHLV = (x.transpose(1, 2) for x in (q_BLHK, k_BLHK, v_BLHV))
    return F.scaled_dot_product_attention(q_BHLK, k_BHLK, v_BHLV, is_causal=True).transpose(1, 2)


def _state_products(each: int, shape: Shape) -> int:
    """Count so many products of a state with a vector for each token, and twice as many in the backward pass."""
    batch, length, heads, keys = shape
    return 3 * each * 2 * batch * length * heads * keys * keys


def _attention_products(shape: Shape) -> int:
    """Count two products of half of L x L scores, and five in the backward pass."""
    batch, length, heads, keys = shape
    return 7 * batch * heads * length**2 * keys


def _sized(*rest: int) -> tuple[Shape, ...]:
    return tuple((*size, *rest) for size in LENGTHS)


_CONVOLUTION = partial(Operator, axes="BLDW", arguments=tuple, tiny=(1, 32, 16, 3), meaning="conv1d")
_SCAN = partial(
    Operator,
    kernel="recurrence",
    axes="BLDK",
    inputs=_scanned,
    arguments=_recurrent,
    forms={"pytorch": scan.recurrence},
    options={},
)
_STATE = partial(Operator, axes="BLHK", arguments=_recurrent, shapes=_sized(12, 64), tiny=(1, 32, 2, 16), options={})

OPERATORS: dict[str, Operator] = {
    "gated short convolution": _CONVOLUTION(
        kernel="gated_convolution",
        inputs=partial(_convolved, 3),
        forms={"pytorch": gated, "conv1d": _gated_conv1d},
        shapes=(*_sized(768, 3), (4, 4096, 2048, 8), (16, 128, 64, 3)),
        options={},
    ),
    "short convolution, SiLU": _CONVOLUTION(
        kernel="short_convolution",
        inputs=partial(_convolved, 1),
        forms={"pytorch": activated, "conv1d": _silu_conv1d},
        shapes=(*_sized(768, 3), (4, 4096, 2048, 3)),
        options={"silu": True},
    ),
    "long convolution by cuFFT": Operator(
        kernel=None,
        axes="BLDW",
        inputs=partial(_convolved, 1),
        arguments=tuple,
        forms={"pytorch": causal},
        shapes=tuple((batch, length, 768, length) for batch, length in LENGTHS),
        tiny=(1, 32, 16, 32),
        options={},
    ),
    "scan of 16 keys": _SCAN(shapes=_sized(768, 16), tiny=(1, 32, 16, 16)),
    "scan of one key": _SCAN(shapes=_sized(768, 1), tiny=(1, 32, 16, 1)),
    "recurrence, a decay a head": _STATE(
        kernel="recurrence",
        inputs=partial(_matrices, False, True, False),
        forms={"pytorch": chunk.recurrence},
        products=partial(_state_products, 2),
    ),
    "recurrence, a decay a key": _STATE(
        kernel="recurrence",
        inputs=partial(_matrices, True, False, False),
        forms={"pytorch": chunk.recurrence},
        products=partial(_state_products, 2),
    ),
    "gated delta rule": _STATE(
        kernel="delta_rule",
        inputs=partial(_matrices, False, False, True),
        forms={"pytorch": delta_chunk.delta_rule},
        products=partial(_state_products, 3),
    ),
    "attention": Operator(
        kernel=None,
        axes="BLHK",
        inputs=_attended,
        arguments=tuple,
        forms={"pytorch": causal_attention, "sdpa": _sdpa},
        shapes=_sized(12, 64),
        tiny=(1, 32, 2, 16),
        options={},
        products=_attention_products,
        compared=512,
    ),
}
