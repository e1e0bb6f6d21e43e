"""The causal convolution of outer products with its T written out, a slab at a time.

A slab is some rows of T for a few sequences of a head, small enough for the processor's cache. Nothing of the size of
T is kept for the way back: it is computed again, slab by slab, which takes half the time of fetching it from memory.

B batch, L tokens that read, T tokens that are seen, H heads, K channels of c and b and V of v per head, W taps, R rows.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.convolution.toeplitz_matrix import by_distance, toeplitz
from star.ops.precision import at_least_float32, without_autocast

ROWS = 64
"""Rows of T that are written out at once (measured on a CPU, 256 to 2,048 tokens: 32 is no faster, 256 slower)."""

SLAB = {"cpu": 1 << 18}
"""Entries of T, over sequences and heads, that are computed at once; elsewhere `LARGE_SLAB`."""

LARGE_SLAB = 1 << 26


def written_out(c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
    """y_BLHV of the last L of T tokens: exactly causal, O(L T). All of one dtype."""
    y_BLHV: Tensor = _WrittenOut.apply(c_BLHK, b_BTHK, v_BTHV, h_HW)  # type: ignore[no-untyped-call]  # torch's own
    return y_BLHV


class _WrittenOut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
        ctx.save_for_backward(c_BLHK, b_BTHK, v_BTHV, h_HW)
        c_HBLK, b_HBTK, v_HBTV = (_by_head(x) for x in (c_BLHK, b_BTHK, v_BTHV))
        y_HBLV = torch.empty_like(v_HBTV[:, :, : c_HBLK.shape[2]])
        t_HRT = toeplitz(h_HW, min(ROWS, c_HBLK.shape[2]), b_HBTK.shape[2])
        with without_autocast(c_BLHK):
            for own, rows, seen in _slabs(c_HBLK, b_HBTK):
                s_HBRT = c_HBLK[own][:, :, rows] @ b_HBTK[own][:, :, :seen].mT
                s_HBRT *= _part(t_HRT[own[0]], s_HBRT)
                y_HBLV[own][:, :, rows] = s_HBRT @ v_HBTV[own][:, :, :seen]
        return y_HBLV.permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        h_HW = ctx.saved_tensors[3]
        c_HBLK, b_HBTK, v_HBTV, dy_HBLV = (_by_head(x) for x in (*ctx.saved_tensors[:3], *grads))
        t_HRT = toeplitz(h_HW, min(ROWS, c_HBLK.shape[2]), b_HBTK.shape[2])
        sums = at_least_float32(h_HW)
        dc_HBLK, dt_HRT = torch.empty_like(c_HBLK), torch.zeros_like(t_HRT, dtype=sums)
        db_HBTK, dv_HBTV = (torch.zeros_like(x, dtype=sums) for x in (b_HBTK, v_HBTV))
        with without_autocast(h_HW):
            for own, rows, seen in _slabs(c_HBLK, b_HBTK):
                c_HBRK, dy_HBRV = c_HBLK[own][:, :, rows], dy_HBLV[own][:, :, rows]
                b_HBSK, v_HBSV = b_HBTK[own][:, :, :seen], v_HBTV[own][:, :, :seen]
                s_HBRT, g_HBRT = c_HBRK @ b_HBSK.mT, dy_HBRV @ v_HBSV.mT
                dt = _part(dt_HRT[own[0]], s_HBRT).squeeze(1)
                for s_HRT, g_HRT in zip(s_HBRT.unbind(1), g_HBRT.unbind(1), strict=True):
                    dt.addcmul_(s_HRT, g_HRT)
                t = _part(t_HRT[own[0]], s_HBRT)
                s_HBRT *= t
                g_HBRT *= t
                dc_HBLK[own][:, :, rows] = g_HBRT @ b_HBSK
                db_HBTK[own][:, :, :seen] += g_HBRT.mT @ c_HBRK
                dv_HBTV[own][:, :, :seen] += s_HBRT.mT @ dy_HBRV
        dh_HW = by_distance(dt_HRT, h_HW.shape[1]).to(h_HW.dtype)
        return *(x.permute(1, 2, 0, 3).to(h_HW.dtype) for x in (dc_HBLK, db_HBTK, dv_HBTV)), dh_HW


def _by_head(x_BLHK: Tensor) -> Tensor:
    """One head after the other in memory; a single sequence, as in decoding, is read where it lies."""
    x_HBLK = x_BLHK.permute(2, 0, 1, 3)
    return x_HBLK if len(x_BLHK) == 1 else x_HBLK.contiguous()


def _slabs(c_HBLK: Tensor, b_HBTK: Tensor) -> Iterator[tuple[tuple[slice, slice], slice, int]]:
    """Heads and sequences, rows, and how many tokens the last of those rows sees."""
    heads, batch, length, tokens = *c_HBLK.shape[:3], b_HBTK.shape[2]
    entries = SLAB.get(c_HBLK.device.type, LARGE_SLAB)
    for first in range(0, length, ROWS):
        rows = slice(first, min(first + ROWS, length))
        seen = tokens - length + rows.stop
        fit = entries // ((rows.stop - first) * seen)
        together, side_by_side = max(1, min(batch, fit)), max(1, min(heads, fit // batch))
        for head in range(0, heads, side_by_side):
            for one in range(0, batch, together):
                yield (slice(head, head + side_by_side), slice(one, one + together)), rows, seen


def _part(t_HRT: Tensor, s_HBRT: Tensor) -> Tensor:
    """What the last rows of T are for any rows: the same numbers, further to the left."""
    rows, seen = s_HBRT.shape[2:]
    return t_HRT[:, None, t_HRT.shape[1] - rows :, t_HRT.shape[2] - seen :]
