"""The causal convolution of outer products that computes the matrix T tile by tile.

A tile is a few rows of T for some sequences and heads, small enough for the processor's cache. T is not stored: the
backward pass computes every tile again, which takes half the time of reading T from memory.

B batch, L query tokens, which are the last of T key tokens, H heads, K channels of c and b and V of v per head, W taps,
R rows of a tile, S key tokens that a tile sees.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.convolution.toeplitz_matrix import by_distance, toeplitz
from star.ops.precision import at_least_float32, without_autocast
from star.ops.tiles import tile_elements

ROWS = 64
"""Rows of a tile on a CPU (measured, 256 to 2,048 tokens: 32 is no faster, 256 slower)."""

LARGE_ROWS = 256
"""Rows of a tile on any other device, where a quarter of the launches outweighs the products above the diagonal."""

TILE_ELEMENTS = 1 << 18
"""Entries of T in a tile on a CPU, over sequences and heads."""


def dense(c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
    """Compute `naive.outer_product_convolution` at the last L of T tokens: y_BLHV, exactly causal, in O(L T).

    All tensors have one dtype.
    """
    y_BLHV: Tensor = _Dense.apply(c_BLHK, b_BTHK, v_BTHV, h_HW)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c_BLHK: Tensor, b_BTHK: Tensor, v_BTHV: Tensor, h_HW: Tensor) -> Tensor:
        ctx.save_for_backward(c_BLHK, b_BTHK, v_BTHV, h_HW)
        c_HBLK, b_HBTK, v_HBTV = (_by_head(x) for x in (c_BLHK, b_BTHK, v_BTHV))
        y_HBLV = torch.empty_like(v_HBTV[:, :, : c_HBLK.shape[2]])
        t_HRT = toeplitz(h_HW, min(_rows(c_HBLK), c_HBLK.shape[2]), b_HBTK.shape[2])
        with without_autocast(c_BLHK):
            for own, rows, seen in _tiles(c_HBLK, b_HBTK):
                s_HBRT = c_HBLK[own][:, :, rows] @ b_HBTK[own][:, :, :seen].mT
                s_HBRT *= _filter_entries(t_HRT[own[0]], s_HBRT)
                y_HBLV[own][:, :, rows] = s_HBRT @ v_HBTV[own][:, :, :seen]
        return y_HBLV.permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        *inputs, h_HW = ctx.saved_tensors
        c_HBLK, b_HBTK, v_HBTV, dy_HBLV = (_by_head(x) for x in (*inputs, *grads))
        t_HRT = toeplitz(h_HW, min(_rows(c_HBLK), c_HBLK.shape[2]), b_HBTK.shape[2])
        sums = at_least_float32(h_HW)
        dc_HBLK, dt_HRT = torch.empty_like(c_HBLK), torch.zeros_like(t_HRT, dtype=sums)
        db_HBTK, dv_HBTV = (torch.zeros_like(x, dtype=sums) for x in (b_HBTK, v_HBTV))
        with without_autocast(h_HW):
            for own, rows, seen in _tiles(c_HBLK, b_HBTK):
                c_HBRK, dy_HBRV = c_HBLK[own][:, :, rows], dy_HBLV[own][:, :, rows]
                b_HBSK, v_HBSV = b_HBTK[own][:, :, :seen], v_HBTV[own][:, :, :seen]
                s_HBRS, g_HBRS = c_HBRK @ b_HBSK.mT, dy_HBRV @ v_HBSV.mT
                dt_HRS = _filter_entries(dt_HRT[own[0]], s_HBRS).squeeze(1)
                dt_HRS += torch.sum(s_HBRS * g_HBRS, 1, dtype=sums)
                t_H1RS = _filter_entries(t_HRT[own[0]], s_HBRS)
                s_HBRS *= t_H1RS
                g_HBRS *= t_H1RS
                dc_HBLK[own][:, :, rows] = g_HBRS @ b_HBSK
                db_HBTK[own][:, :, :seen] += g_HBRS.mT @ c_HBRK
                dv_HBTV[own][:, :, :seen] += s_HBRS.mT @ dy_HBRV
        dh_HW = by_distance(dt_HRT, h_HW.shape[1]).to(h_HW.dtype)
        return *(x.permute(1, 2, 0, 3).to(h_HW.dtype) for x in (dc_HBLK, db_HBTK, dv_HBTV)), dh_HW


def _by_head(x_BLHK: Tensor) -> Tensor:
    """Return x_HBLK, contiguous so that a head is read at one stride; a single sequence (decoding) is not copied."""
    x_HBLK = x_BLHK.permute(2, 0, 1, 3)
    return x_HBLK if len(x_BLHK) == 1 else x_HBLK.contiguous()


def _tiles(c_HBLK: Tensor, b_HBTK: Tensor) -> Iterator[tuple[tuple[slice, slice], slice, int]]:
    """Yield for each tile its heads and sequences, its rows, and the number of key tokens that its last row sees."""
    heads, batch, length, tokens = *c_HBLK.shape[:3], b_HBTK.shape[2]
    entries = tile_elements(c_HBLK.device, TILE_ELEMENTS)
    at_once = _rows(c_HBLK)
    for first in range(0, length, at_once):
        rows = slice(first, min(first + at_once, length))
        seen = tokens - length + rows.stop
        fit = entries // ((rows.stop - first) * seen)
        sequences, heads_at_once = max(1, min(batch, fit)), max(1, min(heads, fit // batch))
        for head in range(0, heads, heads_at_once):
            for sequence in range(0, batch, sequences):
                yield (slice(head, head + heads_at_once), slice(sequence, sequence + sequences)), rows, seen


def _rows(c_HBLK: Tensor) -> int:
    return ROWS if c_HBLK.device.type == "cpu" else LARGE_ROWS


def _filter_entries(t_HRT: Tensor, s_HBRS: Tensor) -> Tensor:
    """Return the filter's entries of the matrix for a tile, (H, 1, R, S).

    Entries depend on the distance of two tokens only, so every tile is a part of the last rows t_HRT, shifted left.
    """
    rows, seen = s_HBRS.shape[2:]
    return t_HRT[:, None, t_HRT.shape[1] - rows :, t_HRT.shape[2] - seen :]
