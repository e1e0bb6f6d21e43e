"""The recurrence S_t = exp(l_t) S_{t-1} + b_t w_t^T, y_t = c_t S_t with K x V states, as matrix products over chunks.

Within a chunk every token reaches every later one through the decays between them; what a chunk leaves behind is
handed on to the next as a state. Log decays are only added up and decays only multiplied, over the very tokens between
two, wherever a chunk decays far: any decay is exact. Where it does not, the cheaper `Bounded` is as exact. A slab of a
few chunks is worked on at a time, so that what lies between the products stays in the processor's cache.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state channels, V value channels,
N chunks of C tokens in a slab, T tokens of a slab.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.recurrence.chunk_bounded import Bounded
from star.ops.recurrence.chunk_tile import PerHead, PerKey

CHUNK, CHUNK_OF_SHARED = 16, 32
"""Tokens of a chunk; work within chunks grows with C, between them with 1 / C. The longer where heads share c and b."""

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
    shared = c_BLGK.shape[2] < w_BLHV.shape[2]
    chunk = min(CHUNK_OF_SHARED if shared and keys == 1 else CHUNK, 1 << (length - 1).bit_length())
    token_elements = w_BLHV.shape[0] * w_BLHV.shape[2] * (keys if keys > 1 else chunk)
    slab = chunk * max(1, SLAB_ELEMENTS // (token_elements * chunk))
    inputs = [c_BLGK, b_BLGK, log_decay_BLHK, w_BLHV]
    if length % chunk:
        inputs = [F.pad(x, (0, 0, 0, 0, 0, -length % chunk)) for x in inputs]
    y_BLHV, last_BHKV = _Chunked.apply(chunk, slab, *inputs, initial_BHKV)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return y_BLHV[:, :length], last_BHKV


class _Chunked(torch.autograd.Function):
    """Slab by slab, forwards and backwards; what a slab needs again backwards is kept where a gradient is wanted."""

    @staticmethod
    def forward(ctx: Any, chunk: int, slab: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        *inputs, state_BHKV = tensors
        ctx.chunk, ctx.slab, ctx.slabs = chunk, slab, []
        y_BLHV = torch.empty_like(inputs[3], memory_format=torch.contiguous_format)
        for *parts, y_BTHV in zip(*(torch.split(x, slab, dim=1) for x in (*inputs, y_BLHV)), strict=True):
            c, b, log_decay, w = (_cut(x, chunk) for x in parts)
            work, y_NBHCV = _worked(c, b, log_decay, w, state_BHKV)
            _cut(y_BTHV, chunk).copy_(y_NBHCV)
            state_BHKV = work.last_BHKV
            if any(ctx.needs_input_grad):
                ctx.slabs.append(work)
        ctx.save_for_backward(*inputs)
        return y_BLHV, state_BHKV.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_y_BLHV, adjoint_BHKV = grads
        whole = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in ctx.saved_tensors]
        pieces = zip(*(torch.split(x, ctx.slab, dim=1) for x in (*whole, grad_y_BLHV)), ctx.slabs, strict=True)
        for *parts, grad_y_BTHV, work in reversed(list(pieces)):
            grad_y_NBHCV, *found = (_cut(x, ctx.chunk) for x in (grad_y_BTHV, *parts))
            adjoint_BHKV = work.gradients(grad_y_NBHCV.contiguous(), adjoint_BHKV, tuple(found))
        return (None, None, *whole, adjoint_BHKV)


def _worked(
    c_NBGCK: Tensor, b_NBGCK: Tensor, log_NBHCR: Tensor, w_NBHCV: Tensor, state_BHKV: Tensor
) -> tuple[Bounded | PerHead | PerKey, Tensor]:
    """What gives the gradients and the last state, and the outputs: of one form up to the first token gone too far."""
    inputs = (c_NBGCK, b_NBGCK, log_NBHCR, w_NBHCV, state_BHKV)
    form = PerKey if log_NBHCR.shape[-1] > 1 else PerHead
    if c_NBGCK.shape[2] < w_NBHCV.shape[2]:
        work = form(*inputs)
        return work, work.outputs()
    bounded = Bounded(*inputs)
    near_NBHC1 = bounded.near()
    if near_NBHC1.all():
        return bounded, bounded.outputs()
    work = form(*inputs)
    return work, torch.where(near_NBHC1, bounded.outputs(), work.outputs())


def _cut(x_BTHK: Tensor, chunk: int) -> Tensor:
    """A view (N, B, H, C, K)."""
    return torch.unflatten(x_BTHK, 1, (-1, chunk)).permute(1, 0, 3, 2, 4)
