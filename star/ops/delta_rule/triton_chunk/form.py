"""The delta rule in chunks as a differentiable function of tensors: which of the kernels runs when.

Once what each token writes is known, outputs and gradients are those of the recurrence, whose kernels compute them.
The backward pass computes states and writes again, so that only the inputs are kept.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, N chunks of C tokens, P
blocks of channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.delta_rule.triton_chunk.solve import solve_gradients_kernel, solve_kernel
from star.ops.delta_rule.triton_chunk.states import delta_adjoints_kernel, delta_states_kernel
from star.ops.recurrence.inputs import Inputs
from star.ops.recurrence.triton_chunk.keys import keys_kernel
from star.ops.recurrence.triton_chunk.launches import Work, together
from star.ops.recurrence.triton_chunk.outputs import outputs_kernel, values_kernel
from star.ops.recurrence.triton_chunk.per_head import within_kernel

LONGEST_CHUNK = 32
"""Tokens of a chunk: the inverse for 64 tokens spills 1.8 KB of registers a thread in float32."""


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `star.ops.delta_rule.naive.delta_rule`: y_BLHV in the dtype of v, and the last state_BHKV in float32.

    It is differentiable once in all inputs and in the state. Inputs are float32 or bfloat16, the state is float32, and
    sums are in float32; products are in bfloat16 where all inputs are. The length of a key is at most 1, shares lie
    between 0 and 1.

    Args:
        inputs: K and V are at most `star.ops.kernels.MOST_CHANNELS`.
        state_BHKV: the first state.
    """
    c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = inputs
    a_BLH1 = a.float().expand(*v_BLHV.shape[:3], 1)
    y_BLHV, last_BHKV = _DeltaRule.apply(c_BLGK, b_BLGK, a_BLH1, d_BLH1, v_BLHV, state_BHKV)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV, last_BHKV


class _Written(NamedTuple):
    """What a chunk writes, `added` less `forgotten` times the state at its start, and the states.

    Attributes:
        solved: the inverse of each chunk's system, (B, L, H, C).
        forgotten: (B, L, H, K).
        states: at the start of each chunk, (B, H, N, K, V).
        written: (B, L, H, V).
        last: the last state, (B, H, K, V).
    """

    solved: Tensor
    forgotten: Tensor
    states: Tensor
    written: Tensor
    last: Tensor


class _DeltaRule(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, c: Tensor, b: Tensor, log: Tensor, d: Tensor, v: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor]:
        c, b, v = (together(x) for x in (c, b, v))
        log, d_BLH, initial = log.contiguous(), d.float().contiguous(), initial.contiguous()
        work = Work.of(c, b, log, v, LONGEST_CHUNK)
        found = _written(work, b, log, d_BLH, v, initial)
        y_BLHV = torch.empty(v.shape, dtype=v.dtype, device=v.device)
        written, ones = found.written, torch.ones_like(d_BLH)
        tensors = (c, b, log, ones, written, found.states, written, y_BLHV)
        work.start(outputs_kernel, work.grid(work.blocks(outputs_kernel)[1]), tensors, (c, b, written))
        ctx.save_for_backward(c, b, log, d_BLH, v, initial)
        ctx.work, ctx.dtype_of_d = work, d.dtype
        return y_BLHV, found.last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor, ...]:
        c, b, log, d, v, initial = ctx.saved_tensors
        work, dy = ctx.work, together(dy)
        solved, forgotten, states, written, _ = _written(work, b, log, d, v, initial)
        ones, given = torch.ones_like(d), (c, b, written, dy)

        blocks = work.blocks(values_kernel)[1]
        # Adjoints of zero leave the part within each chunk, to which the next kernel adds that through the states.
        adjoints, dwritten = torch.zeros_like(states), torch.empty_like(written)
        made: tuple[Tensor, ...] = (adjoints, written, log.new_empty(blocks, *log.shape), dwritten)
        work.start(values_kernel, work.grid(blocks), (c, b, log, ones, written, dy, *made), given)
        dinitial = torch.empty_like(initial)
        made = (forgotten, dy, dlast.contiguous(), adjoints, dwritten, dinitial)
        grid = (work.batch * work.heads, work.blocks(delta_states_kernel)[1])
        work.start(delta_adjoints_kernel, grid, (c, b, log, *made), (c, b, dy))

        blocks = work.blocks(keys_kernel)[0]
        dc, db = (log.new_empty(*v.shape[:3], work.keys) for _ in range(2))
        dlog_PBLH1, dmixing = log.new_empty(blocks, *log.shape), log.new_empty(*v.shape[:3], work.chunk)
        made = (states, adjoints, dc, db, dlog_PBLH1, dmixing)
        work.start(keys_kernel, work.grid(blocks), (c, b, log, ones, written, dy, *made), given)
        work.start(within_kernel, work.grid(), (c, b, log, dmixing, dc, db, dlog_PBLH1), (c, b))
        dd, dv = torch.empty_like(d), torch.empty(v.shape, dtype=v.dtype, device=v.device)
        made = (solved, states, written, dwritten, db, dlog_PBLH1, dd, dv)
        work.start(solve_gradients_kernel, work.grid(), (b, log, d, v, *made), (b, v))
        dc, db = (x.sum_to_size(c.shape).to(like.dtype) for x, like in ((dc, c), (db, b)))
        return dc, db, dlog_PBLH1.sum(0), dd.to(ctx.dtype_of_d), dv, dinitial


def _written(work: Work, b: Tensor, log: Tensor, d: Tensor, v: Tensor, initial: Tensor) -> _Written:
    """Solve the system of each chunk, and then go through the chunks."""
    sizes = (work.chunk, work.keys, work.values, work.values)
    solved, forgotten, added, written = (log.new_empty(*v.shape[:3], size) for size in sizes)
    work.start(solve_kernel, work.grid(), (b, log, d, v, solved, forgotten, added), (b, v))
    states = initial.new_empty(*initial.shape[:2], work.chunks, *initial.shape[2:])
    last = torch.empty_like(initial)
    grid = (work.batch * work.heads, work.blocks(delta_states_kernel)[1])
    work.start(delta_states_kernel, grid, (b, log, forgotten, added, initial, states, written, last), (b,))
    return _Written(solved, forgotten, states, written, last)
