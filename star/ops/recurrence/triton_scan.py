"""The recurrence with one value channel, whose states have no matrix product, as Triton kernels.

A program goes through its tokens one after the other, with the states of 32 channels in registers. Where that
makes few programs, spans of tokens run side by side, in two passes: the first computes what each span adds to the
state, these states are handed on, and the second computes the outputs; the adjoint takes the same way back. The state
before every `KEPT` tokens is kept for the backward pass, which computes the others again.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, R decays of a head (1 or K), S spans, N groups
of KEPT tokens, P blocks of channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.recurrence.inputs import Inputs
from star.ops.recurrence.triton_scan_backward import adjoints_kernel, gradients_kernel
from star.ops.recurrence.triton_scan_forward import ends_kernel, outputs_kernel
from star.ops.recurrence.triton_spans import hand_on_kernel

KEPT = 16
"""Tokens from one kept state to the next: the kept states are as large as K / 16 tensors of values in float32."""

SHORTEST_SPAN, MOST_PROGRAMS = 64, 4096
"""Spans run side by side up to so many programs: what a large GPU holds at a time, two or three times."""

BLOCK_H = 32
"""Channels of a program, which is one warp."""

LONGEST_CHUNK, CHUNK_NUMBERS = 4, 64
"""Tokens whose loads go out together, and how many of their states and (K, H) decays a thread may hold."""


def recurrence(inputs: Inputs, state_BHKV: Tensor, span: int | None = None) -> tuple[Tensor, Tensor]:
    """Compute `naive.recurrence` for V = 1: y_BLHV in the dtype of v, and the last state_BHKV in float32.

    It is differentiable once in all inputs and in the state. Inputs are float32 or bfloat16, the state is float32, and
    sums are in float32. Tokens at a constant stride, such as the parts of one projection, are read in place.

    Args:
        inputs: K is at most `star.ops.kernels.MOST_KEYS`.
        state_BHKV: the first state.
        span: tokens that one program goes through, a multiple of `KEPT`; chosen by the number of programs if None.
    """
    y_BLH, last_BKH = _Scan.apply(*inputs, state_BHKV, span)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLH.unsqueeze(-1), last_BKH.mT.unsqueeze(-1)


class Cut(NamedTuple):
    """The division of a scan into programs.

    Attributes:
        span, spans: tokens of a span, and the number of spans.
        programs: one for each sequence, span and block of channels.
        blocks: of channels.
        sizes: constants of all kernels: channels of a block, keys of a tile, tokens whose loads go out together.
    """

    span: int
    spans: int
    programs: int
    blocks: int
    sizes: dict[str, int]


def cut(inputs: Inputs, span: int | None = None) -> Cut:
    """Divide a scan into programs, by its shape alone, so that equal inputs give equal bits."""
    batch, length, heads, _ = inputs.v.shape
    keys = inputs.c.shape[3]
    block_k = triton.next_power_of_2(keys)
    blocks = triton.cdiv(heads, BLOCK_H)
    if span is None:
        side_by_side = max(1, MOST_PROGRAMS // (batch * blocks))
        span = SHORTEST_SPAN * triton.cdiv(triton.cdiv(length, SHORTEST_SPAN), side_by_side)
    spans = triton.cdiv(length, span)
    tiles_of_token = 2 if inputs.a.shape[1] > 1 and inputs.a.shape[3] > 1 else 1
    chunk = min(LONGEST_CHUNK, CHUNK_NUMBERS // (tiles_of_token * block_k))
    return Cut(span, spans, batch * spans * blocks, blocks, {"BLOCK_H": BLOCK_H, "BLOCK_K": block_k, "CHUNK": chunk})


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, c: Tensor, b: Tensor, a: Tensor, d: Tensor, v: Tensor, initial: Tensor, span: int | None
    ) -> tuple[Tensor, Tensor]:
        batch, length, heads, _ = v.shape
        keys = c.shape[3]
        of_token = a.shape[1] > 1
        ctx.shape_of_a, ctx.cut = a.shape, cut(Inputs(c, b, a, d, v), span)
        ctx.constants = {"K": keys, "R": a.shape[3], "SHARED": c.shape[2] == 1, "OF_TOKEN": of_token}
        c, b, d, v = (_rows(x) for x in (c, b, d, v))
        a = _rows(a) if of_token else a.mT.contiguous()
        first_BKH = initial.squeeze(-1).mT.contiguous()
        starts_BSKH, reach_BSKH = first_BKH.unsqueeze(1), None
        if ctx.cut.spans > 1:
            starts_BSKH, reach_BSKH = (first_BKH.new_empty(batch, ctx.cut.spans, keys, heads) for _ in range(2))
            _launch(ends_kernel, ctx, length, (b, a, d, v), (starts_BSKH, reach_BSKH))
            _hand_on(starts_BSKH, reach_BSKH, first_BKH, backward=False)
        y_BLH, last_BKH = v.new_empty(batch, length, heads), torch.empty_like(first_BKH)
        keep = any(ctx.needs_input_grad)
        kept_BNKH = first_BKH.new_empty(batch, triton.cdiv(length, KEPT) * keep, keys, heads)
        made = (starts_BSKH, y_BLH, last_BKH, kept_BNKH)
        _launch(outputs_kernel, ctx, length, (c, b, a, d, v), made, KEPT=KEPT, KEEP=keep)
        ctx.save_for_backward(c, b, a, d, v, kept_BNKH, reach_BSKH)
        return y_BLH, last_BKH

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BLH: Tensor, dlast_BKH: Tensor) -> tuple[Tensor | None, ...]:
        c, b, a, d, v, kept_BNKH, reach_BSKH = ctx.saved_tensors
        batch, length, heads, _ = v.shape
        keys, rates = ctx.constants["K"], ctx.constants["R"]
        dy_BLH, dlast_BKH = _rows(dy_BLH), dlast_BKH.contiguous()
        arriving_BSKH = dlast_BKH.unsqueeze(1)
        if reach_BSKH is not None:
            arriving_BSKH = torch.empty_like(reach_BSKH)
            _launch(adjoints_kernel, ctx, length, (c, a, d, dy_BLH), (arriving_BSKH,))
            _hand_on(arriving_BSKH, reach_BSKH, dlast_BKH, backward=True)
        if ctx.constants["SHARED"]:
            dc, db = (kept_BNKH.new_empty(ctx.cut.blocks, batch, length, keys) for _ in range(2))
        else:
            dc, db = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (c, b))
        shape_of_da = (batch, length, heads, rates) if a.shape[1] > 1 else (batch, ctx.cut.spans, rates, heads)
        da = kept_BNKH.new_empty(shape_of_da)
        dd, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (d, v))
        dinitial_BKH = torch.empty_like(dlast_BKH)
        made = (kept_BNKH, arriving_BSKH, dc, db, da, dd, dv, dinitial_BKH)
        _launch(gradients_kernel, ctx, length, (c, b, a, d, v, dy_BLH), made, KEPT=KEPT)
        if ctx.constants["SHARED"]:
            dc, db = (x.sum(0).unsqueeze(2).to(like.dtype) for x, like in ((dc, c), (db, b)))
        if not ctx.constants["OF_TOKEN"]:
            da = da.sum(1, keepdim=True).mT
        return dc, db, da.sum_to_size(ctx.shape_of_a).to(a.dtype), dd, dv, dinitial_BKH.mT.unsqueeze(-1), None


def _rows(x_BL: Tensor) -> Tensor:
    """Return the tensor itself if what belongs to a token lies together, and otherwise a contiguous copy."""
    return x_BL if x_BL[0, 0].is_contiguous() else x_BL.contiguous()


def _launch(
    kernel: Any, ctx: Any, length: int, inputs: tuple[Tensor, ...], made: tuple[Tensor, ...], **further: Any
) -> None:
    """Start the programs of a kernel, which takes `inputs`, `made`, sizes, and a batch and a token stride an input.

    The strides are zero along an axis of length 1, which all sequences or tokens share.
    """
    heads = made[0].shape[-1]
    strides = (x.stride(axis) if x.shape[axis] > 1 else 0 for x in inputs for axis in (0, 1))
    constants = ctx.constants | ctx.cut.sizes | further
    with torch.cuda.device_of(inputs[0]):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernel[(ctx.cut.programs,)](
            *inputs, *made, length, heads, ctx.cut.span, ctx.cut.spans, *strides, **constants, num_warps=1, num_stages=1
        )


def _hand_on(ends_BSKH: Tensor, reach_BSKH: Tensor, first_BKH: Tensor, backward: bool) -> None:
    """Replace what each span adds by what arrives at it; `first_BKH` arrives at the first span of this direction."""
    batch, spans, *state = ends_BSKH.shape
    elements, block = state[0] * state[1], 128
    with torch.cuda.device_of(ends_BSKH):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        hand_on_kernel[(batch * triton.cdiv(elements, block),)](
            ends_BSKH, reach_BSKH, first_BKH, spans, elements, BACKWARD=backward, BLOCK=block, num_warps=1
        )
