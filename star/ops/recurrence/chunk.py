"""The recurrence as matrix products over chunks of tokens, for states with several value channels.

Within a chunk every token reads every earlier token through the decays between the two; the state at the end of a
chunk is passed to the next chunk. Log decays are only added and decays only multiplied, over exactly the tokens between
the two, so any decay is exact. A tile of a few chunks is computed at a time: the tensors between the products then stay
in the cache of a CPU, and on other devices the memory for them is bounded.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K),
N chunks of C tokens in a tile, T tokens of a tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.precision import without_autocast
from star.ops.recurrence.chunk_per_head import PerHead
from star.ops.recurrence.chunk_per_key import PerKey
from star.ops.recurrence.inputs import Inputs
from star.ops.tiles import tile_elements

CHUNK, CHUNK_OF_SHARED = 16, 32
"""Tokens of a chunk; more if heads share c and b. Work within chunks grows with C, work between them with 1 / C."""

TILE_ELEMENTS = 1 << 17
"""Elements of the largest tensor between products on a CPU: 512 KiB in float32."""


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `naive.recurrence` does; differentiable once in all inputs."""
    c_BLGK, b_BLGK, a_BLHR, d_BLH1, v_BLHV = inputs
    length, rates = inputs.length, a_BLHR.shape[-1]
    shared = c_BLGK.shape[2] < v_BLHV.shape[2]
    chunk = min(CHUNK_OF_SHARED if shared and rates == 1 else CHUNK, 1 << (length - 1).bit_length())
    token_elements = v_BLHV.shape[0] * v_BLHV.shape[2] * (rates if rates > 1 else chunk)
    tile = chunk * max(1, tile_elements(v_BLHV.device, TILE_ELEMENTS) // (token_elements * chunk))
    tensors = [c_BLGK, b_BLGK, d_BLH1 * a_BLHR, d_BLH1 * v_BLHV]
    if length % chunk:
        tensors = [F.pad(x, (0, 0, 0, 0, 0, -length % chunk)) for x in tensors]
    y_BLHV, last_BHKV = _Chunked.apply(chunk, tile, *tensors, state_BHKV)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV[:, :length], last_BHKV


class _Chunked(torch.autograd.Function):
    """The recurrence tile by tile; the intermediate results of a tile are kept if an input needs a gradient.

    They are kept as saved tensors, so activation checkpointing, which saves none of them, computes them again.
    """

    @staticmethod
    def forward(ctx: Any, chunk: int, tile: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        *inputs, state_BHKV = tensors
        ctx.chunk, ctx.tile, ctx.form = chunk, tile, PerKey if inputs[2].shape[-1] > 1 else PerHead
        ctx.inputs = [(x.shape, x.dtype) for x in inputs]
        kept: list[Tensor] = []
        y_BLHV = torch.empty_like(inputs[3], memory_format=torch.contiguous_format)
        with without_autocast(state_BHKV):
            for *parts, y_BTHV in zip(*(torch.split(x, tile, dim=1) for x in (*inputs, y_BLHV)), strict=True):
                work, state_BHKV = ctx.form.of(*(_chunks(x, chunk) for x in parts), state_BHKV)
                _chunks(y_BTHV, chunk).copy_(work.outputs())
                if any(ctx.needs_input_grad):
                    kept += work
        ctx.save_for_backward(*kept)
        return y_BLHV, state_BHKV.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_y_BLHV, adjoint_BHKV = grads
        whole = [adjoint_BHKV.new_empty(shape, dtype=dtype) for shape, dtype in ctx.inputs]
        works = [ctx.form(*kept) for kept in _batched(ctx.saved_tensors, len(ctx.form._fields))]
        tiles = zip(*(torch.split(x, ctx.tile, dim=1) for x in (*whole, grad_y_BLHV)), works, strict=True)
        with without_autocast(adjoint_BHKV):
            for *parts, grad_y_BTHV, work in reversed(list(tiles)):
                grad_y_NBHCV, *places = (_chunks(x, ctx.chunk) for x in (grad_y_BTHV, *parts))
                adjoint_BHKV = work.gradients(grad_y_NBHCV.contiguous(), adjoint_BHKV, tuple(places))
        return (None, None, *whole, adjoint_BHKV)


def _batched(tensors: Sequence[Tensor], size: int) -> Iterator[Sequence[Tensor]]:
    """Cut a sequence into parts of so many tensors."""
    return (tensors[first : first + size] for first in range(0, len(tensors), size))


def _chunks(x_BTHK: Tensor, chunk: int) -> Tensor:
    """Cut into chunks, as a view (N, B, H, C, K)."""
    return torch.unflatten(x_BTHK, 1, (-1, chunk)).permute(1, 0, 3, 2, 4)
