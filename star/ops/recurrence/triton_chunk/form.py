"""The chunked recurrence as a differentiable function of tensors: which of the kernels runs when.

The states between chunks are computed by programs that go through the chunks one after the other, then outputs and
gradients for all chunks side by side. The backward pass computes the states again, so that only the inputs are kept.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K),
N chunks of C tokens, P blocks of channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.recurrence.inputs import Inputs
from star.ops.recurrence.triton_chunk.keys import keys_kernel
from star.ops.recurrence.triton_chunk.launches import Work, together
from star.ops.recurrence.triton_chunk.outputs import outputs_kernel, values_kernel
from star.ops.recurrence.triton_chunk.per_head import within_kernel
from star.ops.recurrence.triton_chunk.per_key import mixing_kernel, pairs_kernel
from star.ops.recurrence.triton_chunk.states import states_kernel


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `naive.recurrence`: y_BLHV in the dtype of v, and the last state_BHKV in float32.

    It is differentiable once in all inputs and in the state. Inputs are float32 or bfloat16, the state is float32, and
    sums are in float32; products are in bfloat16 where all inputs are. Tokens and heads at any stride, such as the
    parts of one projection, are read in place.

    The chunks are those of Mamba-2 (Dao & Gu 2024, section 6), and with a decay a key those of Gated Linear Attention
    (Yang et al. 2024, section 4).

    Args:
        inputs: K and V are at most `star.ops.kernels.MOST_CHANNELS`.
        state_BHKV: the first state.
    """
    c_BLGK, b_BLGK, a_BLHR, d_BLH1, v_BLHV = inputs
    log_BLHR = d_BLH1.float() * a_BLHR.float()
    y_BLHV, last_BHKV = _Chunked.apply(c_BLGK, b_BLGK, log_BLHR, d_BLH1, v_BLHV, state_BHKV)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV, last_BHKV


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, c: Tensor, b: Tensor, log: Tensor, d: Tensor, v: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor]:
        c, b, v = (together(x) for x in (c, b, v))
        log, d_BLH, initial = log.contiguous(), d.float().contiguous(), initial.contiguous()
        work = Work.of(c, b, log, v)
        states_BHNKV, last_BHKV = _states(work, b, log, d_BLH, v, initial, backward=False)
        y_BLHV = torch.empty(v.shape, dtype=v.dtype, device=v.device)
        tensors = (c, b, log, d_BLH, v, states_BHNKV, _mixing(work, c, b, log), y_BLHV)
        work.start(outputs_kernel, work.grid(work.blocks(outputs_kernel)[1]), tensors, (c, b, v))
        ctx.save_for_backward(c, b, log, d_BLH, v, initial)
        ctx.work, ctx.dtype_of_d = work, d.dtype
        return y_BLHV, last_BHKV

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor, ...]:
        c, b, log, d, v, initial = ctx.saved_tensors
        work, dy = ctx.work, together(dy)
        states_BHNKV, _ = _states(work, b, log, d, v, initial, backward=False)
        adjoints_BHNKV, dinitial = _states(work, c, log, d, dy, dlast.contiguous(), backward=True)

        blocks = work.blocks(values_kernel)[1]
        dd_PBLH1 = log.new_empty(blocks, *v.shape[:3], 1)
        dv = torch.empty(v.shape, dtype=v.dtype, device=v.device)
        given = (c, b, log, d, v, dy)
        made: tuple[Tensor, ...] = (adjoints_BHNKV, _mixing(work, c, b, log), dd_PBLH1, dv)
        work.start(values_kernel, work.grid(blocks), (*given, *made), (c, b, v, dy))

        blocks = work.blocks(keys_kernel)[0]
        dc, db = (log.new_empty(*v.shape[:3], work.keys) for _ in range(2))
        dlog_PBLHR = log.new_empty(blocks if work.rates == 1 else 1, *log.shape)
        dmixing_BLHC = log.new_empty(*v.shape[:3], work.chunk)
        made = (states_BHNKV, adjoints_BHNKV, dc, db, dlog_PBLHR, dmixing_BLHC)
        work.start(keys_kernel, work.grid(blocks), (*given, *made), (c, b, v, dy))
        within = within_kernel if work.rates == 1 else pairs_kernel
        work.start(within, work.grid(), (c, b, log, dmixing_BLHC, dc, db, dlog_PBLHR), (c, b))
        dc, db = (x.sum_to_size(c.shape).to(like.dtype) for x, like in ((dc, c), (db, b)))
        return dc, db, dlog_PBLHR.sum(0), dd_PBLH1.sum(0).to(ctx.dtype_of_d), dv, dinitial


def _states(
    work: Work, x: Tensor, log: Tensor, d: Tensor, z: Tensor, first: Tensor, backward: bool
) -> tuple[Tensor, Tensor]:
    """Compute the states between chunks, or their adjoints, (B, H, N, K, V), and the last of them."""
    states, last = first.new_empty(*first.shape[:2], work.chunks, *first.shape[2:]), torch.empty_like(first)
    grid = (work.batch * work.heads, *work.blocks(states_kernel))
    work.start(states_kernel, grid, (x, log, d, z, first, states, last), (x, z), BACKWARD=backward)
    return states, last


def _mixing(work: Work, c: Tensor, b: Tensor, log: Tensor) -> Tensor:
    """Compute what each token reads of the tokens of its chunk, (B, L, H, C), if each key has a decay; else nothing."""
    if work.rates == 1:
        return log.new_empty(0)
    mixing_BLHC = log.new_empty(*log.shape[:3], work.chunk)
    sub_chunks = work.chunk // work.constants(mixing_kernel)["J"]
    work.start(mixing_kernel, work.grid(sub_chunks), (c, b, log, mixing_BLHC), (c, b))
    return mixing_BLHC
