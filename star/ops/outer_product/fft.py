"""The causal convolution of outer products by Fourier transform, in O(L log L).

The products of several sequences and channels are transformed at once, as many as fit into the processor's cache. Only
the inputs are stored: the backward pass computes products and spectra again. It convolves with the same filter, but
from later tokens to earlier ones, so it reverses the tokens of each tile.

B batch, L tokens, H heads, K channels of c and b and V of v per head, W taps; N tiles of S tokens, D windows of S taps
and pairs of equal numbers (the axis 2) as in `star.ops.outer_product.fft_tiles`. A small x stands for any leading axes.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.outer_product.fft_tiles import Tiles, inverse, spectra


def fft(c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
    """Compute `naive.outer_product_convolution`, causal up to rounding: y_BLHV.

    All tensors have one dtype, float32 or float64.
    """
    y_BLHV: Tensor = _FFT.apply(c_BLHK, b_BLHK, v_BLHV, h_HW)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return y_BLHV


class _FFT(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
        ctx.save_for_backward(c_BLHK, b_BLHK, v_BLHV, h_HW)
        tiles = Tiles.of(c_BLHK)
        windows_HDS = tiles.windows(h_HW)
        c_HBKL, b_HBKL, v_HBVL = (x.permute(2, 0, 3, 1) for x in (c_BLHK, b_BLHK, v_BLHV))
        y_HBVL = torch.empty_like(v_HBVL)
        for head, some in tiles.sequences(b_HBKL, v_HBVL):
            own = head, some
            y_HBVL[own] = _outputs(tiles, c_HBKL[own], b_HBKL[own], v_HBVL[own], windows_HDS[head])
        return y_HBVL.permute(1, 3, 0, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        *given, h_HW = ctx.saved_tensors
        tiles = Tiles.of(given[0])
        windows_HDS = tiles.windows(h_HW)
        inputs = [x.permute(2, 0, 3, 1) for x in (*given, *grads)]
        results, dwindows_HDS = [torch.empty_like(x) for x in inputs[:3]], torch.zeros_like(windows_HDS)
        for head, some in tiles.sequences(*inputs[1:3]):
            own = [x[head, some] for x in inputs]
            gradients = _gradients(tiles, own, windows_HDS[head], dwindows_HDS[head])
            for result, gradient in zip(results, gradients, strict=True):
                result[head, some] = gradient
        return *(x.permute(1, 3, 0, 2) for x in results), tiles.taps(dwindows_HDS, h_HW.shape[1])


def _outputs(tiles: Tiles, c_BKL: Tensor, b_BKL: Tensor, v_BVL: Tensor, windows_DS: Tensor) -> Tensor:
    """Compute y_BVL of one head."""
    b_BKNS2, v_BVNS2, c_BKNS2 = tiles.cut(b_BKL), tiles.cut(v_BVL), tiles.cut(c_BKL)
    v_BVNS2 *= tiles.twiddle
    c_BKNS2 *= tiles.twiddle
    y_BVNS2 = torch.zeros_like(v_BVNS2)
    for k, v, scratch in tiles.products(b_BKNS2, v_BVNS2):
        x_BKVNS = _product_spectra(b_BKNS2[:, k], v_BVNS2[:, v], scratch)
        _add_over_keys(y_BVNS2[:, v], c_BKNS2[:, k], inverse(_filtered(x_BKVNS, windows_DS, scratch)))
    return tiles.join(y_BVNS2)


def _gradients(
    tiles: Tiles, inputs: list[Tensor], windows_DS: Tensor, dwindows_DS: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute dc_BKL, db_BKL and dv_BVL of one head from its c, b, v and dy; add the gradient of its windows in place.

    The names cr, br, vr, dyr, dbr and dvr stand for tensors with the tokens of each tile reversed.
    """
    c, b, v, dy = (tiles.cut(x) for x in inputs)
    cr, br, vr, dyr = c.flip(-2), *(x.flip(-2).mul_(tiles.twiddle) for x in (b, v, dy))
    v *= tiles.twiddle
    dy *= tiles.twiddle
    dc, dbr, dvr = torch.zeros_like(cr), torch.zeros_like(b), torch.zeros_like(v)
    for k, some, scratch in tiles.products(b, v):
        x_BKVNS = _product_spectra(b[:, k], v[:, some], scratch)
        g_BKVNS = _product_spectra(cr[:, k], dyr[:, some], scratch)
        _add_by_distance(dwindows_DS, x_BKVNS, g_BKVNS, scratch)
        u_BKVNS2 = inverse(_filtered(x_BKVNS, windows_DS, scratch))
        dc[:, k] += u_BKVNS2.mul_(dy[:, some].unsqueeze(1)).sum(2)
        u_BKVNS2 = inverse(_filtered(g_BKVNS, windows_DS, scratch, backward=True))
        _add_over_keys(dvr[:, some], br[:, k], u_BKVNS2)
        dbr[:, k] += u_BKVNS2.mul_(vr[:, some].unsqueeze(1)).sum(2)
    return tiles.join(dc), tiles.join(dbr, reverse=True), tiles.join(dvr, reverse=True)


def _product_spectra(b_BKNS2: Tensor, v_BVNS2: Tensor, scratch: Tensor) -> Tensor:
    """Compute the spectra of the products of every channel of b with every channel of v, (B, K, V, N, S)."""
    return spectra(torch.mul(b_BKNS2.unsqueeze(2), v_BVNS2.unsqueeze(1), out=scratch))


def _filtered(x_xNS: Tensor, windows_DS: Tensor, scratch: Tensor, backward: bool = False) -> Tensor:
    """Filter the spectra: a tile reads itself and earlier tiles or, in the backward pass, itself and later tiles."""
    u_xNS = torch.mul(x_xNS, windows_DS[0], out=torch.view_as_complex(scratch))
    for distance in range(1, len(windows_DS)):
        earlier, later = slice(None, -distance), slice(distance, None)
        to, source = (earlier, later) if backward else (later, earlier)
        u_xNS[..., to, :].addcmul_(x_xNS[..., source, :], windows_DS[distance])
    return u_xNS


def _add_by_distance(dwindows_DS: Tensor, x_BKVNS: Tensor, g_BKVNS: Tensor, scratch: Tensor) -> None:
    """Add the gradient of every window: the sum of the products of input and gradient tiles at its distance.

    The sum over tiles is a separate call, because PyTorch takes ten times as long to sum over all axes at once.
    """
    count, complex_scratch = x_BKVNS.shape[-2], torch.view_as_complex(scratch)
    for distance, dwindow_S in enumerate(dwindows_DS):
        earlier, later = x_BKVNS[..., : count - distance, :], g_BKVNS[..., distance:, :]
        products = torch.mul(earlier, later, out=complex_scratch[..., : count - distance, :])
        dwindow_S += products.sum((0, 1, 2)).sum(0)


def _add_over_keys(y_BVNS2: Tensor, c_BKNS2: Tensor, u_BKVNS2: Tensor) -> None:
    """Add to y the sum of c u over the key channels."""
    for c_BNS2, u_BVNS2 in zip(c_BKNS2.unbind(1), u_BKVNS2.unbind(1), strict=True):
        y_BVNS2.addcmul_(c_BNS2.unsqueeze(1), u_BVNS2)
