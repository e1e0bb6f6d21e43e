"""The causal convolution of outer products by Fourier transform, O(L log L), a slab at a time.

A slab is a few products of a head's sequence, small enough for the processor's cache. Products and spectra are
computed again on the way back: only the inputs are kept.

Going back, what a query gave flows to earlier tokens: the same with the tokens of each block reversed.

B batch, L tokens, H heads, K channels of c and b and V of v per head, W taps; N blocks of S tokens, D windows of S taps
and pairs of numbers as in `star.ops.outer_product.fft_tiles`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.outer_product.fft_tiles import Blocks, numbers, spectra


def transformed(c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
    """y_BLHV, causal up to rounding. All of one dtype, float32 or float64."""
    y_BLHV: Tensor = _Transformed.apply(c_BLHK, b_BLHK, v_BLHV, h_HW)  # type: ignore[no-untyped-call]  # torch's own
    return y_BLHV


class _Transformed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
        ctx.save_for_backward(c_BLHK, b_BLHK, v_BLHV, h_HW)
        blocks = Blocks.of(c_BLHK)
        windows_HDS = blocks.windows(h_HW)
        c_HBKL, b_HBKL, v_HBVL = (x.permute(2, 0, 3, 1) for x in (c_BLHK, b_BLHK, v_BLHV))
        y_HBVL = torch.empty_like(v_HBVL)
        for head, some in blocks.sequences(b_HBKL, v_HBVL):
            own = head, some
            y_HBVL[own] = _outputs(blocks, c_HBKL[own], b_HBKL[own], v_HBVL[own], windows_HDS[head])
        return y_HBVL.permute(1, 3, 0, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        h_HW = ctx.saved_tensors[3]
        blocks = Blocks.of(ctx.saved_tensors[0])
        windows_HDS = blocks.windows(h_HW)
        inputs = [x.permute(2, 0, 3, 1) for x in (*ctx.saved_tensors[:3], *grads)]
        results, dwindows_HDS = [torch.empty_like(x) for x in inputs[:3]], torch.zeros_like(windows_HDS)
        for head, some in blocks.sequences(*inputs[1:3]):
            own = [x[head, some] for x in inputs]
            parts = _gradients(blocks, own, windows_HDS[head], dwindows_HDS[head])
            for whole, part in zip(results, parts, strict=True):
                whole[head, some] = part
        return *(x.permute(1, 3, 0, 2) for x in results), blocks.taps(dwindows_HDS, h_HW.shape[1])


def _outputs(blocks: Blocks, c_BKL: Tensor, b_BKL: Tensor, v_BVL: Tensor, windows_DS: Tensor) -> Tensor:
    """y_BVL of one head."""
    b_BKNS2, v_BVNS2, c_BKNS2 = blocks.cut(b_BKL), blocks.cut(v_BVL), blocks.cut(c_BKL)
    v_BVNS2 *= blocks.turn
    c_BKNS2 *= blocks.turn
    y_BVNS2 = torch.zeros_like(v_BVNS2)
    for k, v, room in blocks.products(b_BKNS2, v_BVNS2):
        x_BKVNS = _products(b_BKNS2[:, k], v_BVNS2[:, v], room)
        _add_over_keys(y_BVNS2[:, v], c_BKNS2[:, k], numbers(_filtered(x_BKVNS, windows_DS, room)))
    return blocks.real(y_BVNS2)


def _gradients(
    blocks: Blocks, inputs: list[Tensor], windows_DS: Tensor, dwindows_DS: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """dc_BKL, db_BKL and dv_BVL of one head from c, b, v and dy; what its windows get is added.

    What ends with r is reversed, block by block.
    """
    c, b, v, dy = (blocks.cut(x) for x in inputs)
    cr, br, vr, dyr = c.flip(-2), *(x.flip(-2).mul_(blocks.turn) for x in (b, v, dy))
    v *= blocks.turn
    dy *= blocks.turn
    dc, dbr, dvr = torch.zeros_like(cr), torch.zeros_like(b), torch.zeros_like(v)
    for k, some, room in blocks.products(b, v):
        x_BKVNS, g_BKVNS = _products(b[:, k], v[:, some], room), _products(cr[:, k], dyr[:, some], room)
        _add_by_distance(dwindows_DS, x_BKVNS, g_BKVNS, room)
        u_BKVNS2 = numbers(_filtered(x_BKVNS, windows_DS, room))
        dc[:, k] += u_BKVNS2.mul_(dy[:, some].unsqueeze(1)).sum(2)
        u_BKVNS2 = numbers(_filtered(g_BKVNS, windows_DS, room, back=True))
        _add_over_keys(dvr[:, some], br[:, k], u_BKVNS2)
        dbr[:, k] += u_BKVNS2.mul_(vr[:, some].unsqueeze(1)).sum(2)
    return blocks.real(dc), blocks.real(dbr, reverse=True), blocks.real(dvr, reverse=True)


def _products(b_BKNS2: Tensor, v_BVNS2: Tensor, room: Tensor) -> Tensor:
    """Spectra of the products."""
    return spectra(torch.mul(b_BKNS2.unsqueeze(2), v_BVNS2.unsqueeze(1), out=room))


def _filtered(x_xNS: Tensor, windows_DS: Tensor, room: Tensor, back: bool = False) -> Tensor:
    """What every block gets from itself and those before it or, going back, from those after it."""
    u_xNS = torch.mul(x_xNS, windows_DS[0], out=torch.view_as_complex(room))
    for distance in range(1, len(windows_DS)):
        earlier, later = slice(None, -distance), slice(distance, None)
        to, source = (earlier, later) if back else (later, earlier)
        u_xNS[..., to, :].addcmul_(x_xNS[..., source, :], windows_DS[distance])
    return u_xNS


def _add_by_distance(dwindows_DS: Tensor, x_BKVNS: Tensor, g_BKVNS: Tensor, room: Tensor) -> None:
    """Summed axes first, then blocks: torch takes ten times as long over both at once."""
    count, pairs = x_BKVNS.shape[-2], torch.view_as_complex(room)
    for distance, dwindow_S in enumerate(dwindows_DS):
        earlier, later = x_BKVNS[..., : count - distance, :], g_BKVNS[..., distance:, :]
        dwindow_S += torch.mul(earlier, later, out=pairs[..., : count - distance, :]).sum((0, 1, 2)).sum(0)


def _add_over_keys(y_BVNS2: Tensor, c_BKNS2: Tensor, u_BKVNS2: Tensor) -> None:
    for c_BNS2, u_BVNS2 in zip(c_BKNS2.unbind(1), u_BKVNS2.unbind(1), strict=True):
        y_BVNS2.addcmul_(c_BNS2.unsqueeze(1), u_BVNS2)
