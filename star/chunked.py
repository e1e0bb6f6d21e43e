"""The recurrence S_t = exp(l_t) S_{t-1} + b_t w_t^T, y_t = c_t S_t with K x V states, as matrix products over chunks.

Within a chunk every token reaches every later one through the decays between them; what a chunk leaves behind is
handed on to the next as a state. Log decays are only added up and decays only multiplied, over the very tokens between
two: no exponent is above zero, nothing is divided, and any decay is exact. A slab of a few chunks is worked on at a
time, so that what lies between the products stays in the processor's cache.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state channels, V value channels,
N chunks of C tokens in a slab, T tokens of a slab.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.chunk import PerHead, PerKey

SLAB_ELEMENTS = 1 << 17
"""About as many elements has the largest tensor between products: 512 KiB in float32."""


def chunked(
    c_BLGK: Tensor, b_BLGK: Tensor, log_decay_BLHK: Tensor, w_BLHV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y_BLHV and the last state_BHKV; differentiable in everything. All of one floating dtype.

    Args:
        log_decay_BLHK: 0 or less; its last dimension is 1 where a head decays as one.
    """
    length, keys = w_BLHV.shape[1], log_decay_BLHK.shape[-1]
    form = PerKey if keys > 1 else PerHead
    chunk = min(form.chunk, 1 << (length - 1).bit_length())
    token_elements = w_BLHV.shape[0] * w_BLHV.shape[2] * (keys if keys > 1 else chunk)
    slab = chunk * max(1, SLAB_ELEMENTS // (token_elements * chunk))
    inputs = [c_BLGK, b_BLGK, log_decay_BLHK, w_BLHV]
    if length % chunk:
        inputs = [F.pad(x, (0, 0, 0, 0, 0, -length % chunk)) for x in inputs]
    y_BLHV, last_BHKV = _Chunked.apply(form, chunk, slab, *inputs, initial_BHKV)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return y_BLHV[:, :length], last_BHKV


class _Chunked(torch.autograd.Function):
    """Slab by slab, forwards and backwards; what a slab needs again backwards is kept where a gradient is wanted."""

    @staticmethod
    def forward(
        ctx: Any, form: type[PerHead | PerKey], chunk: int, slab: int, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        *inputs, state_BHKV = tensors
        ctx.chunk, ctx.slab, ctx.slabs = chunk, slab, []
        y_BLHV = torch.empty_like(inputs[3], memory_format=torch.contiguous_format)
        for *parts, y_BTHV in zip(*(torch.split(x, slab, dim=1) for x in (*inputs, y_BLHV)), strict=True):
            c, b, log_decay, w = (_cut(x, chunk).contiguous() for x in parts)
            work = form(c, b, log_decay, w, state_BHKV)
            _cut(y_BTHV, chunk).copy_(work.outputs())
            state_BHKV = work.last_BHKV
            if any(ctx.needs_input_grad):
                ctx.slabs.append(work)
        ctx.save_for_backward(*inputs)
        return y_BLHV, state_BHKV

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_y_BLHV, adjoint_BHKV = grads
        whole = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in ctx.saved_tensors]
        pieces = zip(*(torch.split(x, ctx.slab, dim=1) for x in (*whole, grad_y_BLHV)), ctx.slabs, strict=True)
        for *parts, grad_y_BTHV, work in reversed(list(pieces)):
            *found, adjoint_BHKV = work.gradients(_cut(grad_y_BTHV, ctx.chunk).contiguous(), adjoint_BHKV)
            for part, gradient in zip(parts, found, strict=True):
                _cut(part, ctx.chunk).copy_(gradient)
        return (None, None, None, *whole, adjoint_BHKV)


def _cut(x_BTHK: Tensor, chunk: int) -> Tensor:
    """A view (B, N, H, C, K)."""
    return torch.unflatten(x_BTHK, 1, (-1, chunk)).transpose(2, 3)
