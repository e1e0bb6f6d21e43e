"""The gated delta rule S_t = (I - d_t b_t b_t^T) exp(a_t) S_{t-1} + d_t b_t v_t^T, y_t = S_t^T c_t, in chunks.

Within a chunk, the values that each token writes, u_t = d_t (v_t - exp(a_t) S_{t-1}^T b_t), solve a triangular
system (I + N) U = d (V - exp(g) B S_0) with N_tj = d_t exp(g_t - g_j) b_t . b_j for j < t and g the running sum of a:
the UT form of Yang et al. 2024 (Parallelizing Linear Transformers with the Delta Rule, section 3), with decays as in
Gated Delta Networks (Yang et al. 2025, section 3.3). A chunk then maps its first state linearly, S -> M S + R, so that
the loop over chunks multiplies by a K x K matrix and no more; the rest is computed for all chunks at once.

With a log decay for each key channel (Kimi Linear, arXiv 2510.26692, eq. 6 to 9), exp(g_t - g_j) is inside the sum over
channels, b_t . (exp(g_t - g_j) b_j). `chunk_per_head` and `chunk_per_key` compute decays and products of the two kinds;
all else is the same.

The inverse is computed by substitution and not as the product (I - N)(I + N^2)(I + N^4)...: that takes twice as long,
and for similar keys its powers of N grow past 10^9 and cancel (relative error 3 at 32 tokens in float32, where
substitution has 3e-7).

B batch, L tokens, H heads, K key channels, V value channels, R decays of a head (1 or K), N chunks of J tokens, X =
N B H of them side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from star.ops.delta_rule.chunk_per_head import PerHead
from star.ops.delta_rule.chunk_per_key import PerKey
from star.ops.precision import without_autocast
from star.ops.recurrence.inputs import Inputs, joined
from star.ops.tiles import tile_elements

CHUNK = 16
"""Tokens of a chunk: work within chunks grows with J, between them with 1 / J. Fastest on one thread at K = V = 16."""

TILE = 512
"""Tokens whose chunks a CPU computes at once. The tensors of longer tiles exceed its cache."""


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BLHV and the last state_BHKV as `naive.delta_rule` does; differentiable once in all inputs.

    The length of a key is at most 1, shares lie between 0 and 1, and log decays are finite.
    """
    outputs = []
    tokens = max(TILE, tile_elements(inputs.v.device, 0) // state_BHKV[..., 0].numel())
    for part in inputs.every_token().split(tokens):
        y_BLHV, state_BHKV = _tile(part, state_BHKV)
        outputs.append(y_BLHV)
    return joined(outputs), state_BHKV


def _tile(inputs: Inputs, initial_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    batch, length, heads, values = inputs.v.shape
    chunk = min(CHUNK, 1 << (length - 1).bit_length())
    spread = [x.expand(batch, -1, heads, -1) for x in inputs]
    chunked = [_chunked(x_BLH, chunk) for x_BLH in spread]
    y_XJV, last = _DeltaRule.apply(*chunked, initial_BHKV.flatten(0, 1))  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    y_BLHV = y_XJV.view(-1, batch, heads, chunk, values).permute(1, 0, 3, 2, 4).flatten(1, 2)[:, :length]
    return y_BLHV, last.view_as(initial_BHKV)


def _chunked(x_BLH: Tensor, chunk: int) -> Tensor:
    """Cut into chunks, (X, J, size), padded with zeros: padding tokens do not decay, write or read the state."""
    missing = -x_BLH.shape[1] % chunk
    padded = F.pad(x_BLH, (0, 0, 0, 0, 0, missing)) if missing else x_BLH
    return torch.unflatten(padded, 1, (-1, chunk)).permute(1, 0, 3, 2, 4).flatten(0, 2)


class _DeltaRule(torch.autograd.Function):
    """The chunks of a tile, with a backward pass written by hand: autograd's takes two to three times as long.

    n are the products d b . b and r the products c . b within a chunk, decayed; u are the values that the chunk writes
    from a first state of zeros, and u + w S the values that it writes from a first state S.
    """

    @staticmethod
    def forward(
        ctx: Any, c: Tensor, b: Tensor, a: Tensor, d: Tensor, v: Tensor, initial: Tensor
    ) -> tuple[Tensor, Tensor]:
        with without_autocast(initial):
            decays = (PerKey if a.shape[-1] > 1 else PerHead).of(a)
            y_XJV, last, kept = _outputs(decays, c, b, d, v, initial)
        ctx.form = type(decays)
        ctx.save_for_backward(*decays, c, b, d, v, *kept)
        return y_XJV, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        fields, saved = len(ctx.form._fields), ctx.saved_tensors
        with without_autocast(grads[0]):
            return _gradients(ctx.form(*saved[:fields]), saved[fields:], *grads)


def _outputs(
    decays: PerHead | PerKey, c: Tensor, b: Tensor, d: Tensor, v: Tensor, initial: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Compute y_XJV, the last state, and the tensors that the gradients need besides the decays, c, b, d and v."""
    since_XJR, writes_XJK, kept_XKJ = decays.since, d * b, (b * decays.until).mT
    r_XJJ, n_XJJ = decays.products(c, writes_XJK, b)
    eye_JJ = torch.eye(b.shape[1], dtype=b.dtype, device=b.device).expand_as(n_XJJ)
    inverse_XJJ = torch.linalg.solve_triangular(n_XJJ, eye_JJ, upper=False, unitriangular=True)
    u_XJV, w_XJK = inverse_XJJ @ (d * v), inverse_XJJ @ writes_XJK.mul_(-since_XJR)
    through_XKK = kept_XKJ @ w_XJK
    through_XKK.diagonal(dim1=1, dim2=2).add_(since_XJR[:, -1])
    starts_XKV, last = _propagate_states(through_XKK, kept_XKJ @ u_XJV, initial)
    written_XJV = u_XJV.baddbmm_(w_XJK, starts_XKV)
    y_XJV = ((since_XJR * c) @ starts_XKV).baddbmm_(r_XJJ, written_XJV)
    return y_XJV, last, (r_XJJ, n_XJJ, inverse_XJJ, w_XJK, through_XKK, starts_XKV, written_XJV)


def _gradients(decays: PerHead | PerKey, saved: tuple[Tensor, ...], dy: Tensor, dlast: Tensor) -> tuple[Tensor, ...]:
    """Compute the gradients of c, b, a, d, v and the first state.

    With w S + u = (I + N)^-1 right, the gradients of N, u and w follow from that of `right`.
    """
    c, b, d, v, r, n, inverse, w, through, starts, written = saved
    since, until, writes = decays.since, decays.until, d * b
    dwritten = r.mT @ dy
    local = ((since * c).mT @ dy).baddbmm_(w.mT, dwritten)
    adjoint, dinitial = _propagate_gradients(through, local, dlast)
    dwritten.baddbmm_(b * until, adjoint)
    dright = inverse.mT @ dwritten
    dn, dr = (dright @ written.mT).neg_().tril_(-1), dy @ written.mT
    dread, dfound = (dy @ starts.mT).mul_(since), (dright @ starts.mT).mul_(since).neg_()
    dkept = (written @ adjoint.mT).mul_(until)
    dsince = (c * dread).addcmul_(writes, dfound).sum_to_size(since.shape)
    dsince[:, -1] += (since[:, -1] * (adjoint * starts).sum(-1)).sum_to_size(since[:, -1].shape)
    duntil = (b * dkept).sum_to_size(since.shape)
    dc, dwrites, db, da = decays.gradients((c, writes, b), (r, n), (dr, dn), dsince, duntil)
    dwrites += dfound
    db.add_(dkept).addcmul_(d, dwrites)
    return dc.add_(dread), db, da, _dot(dright, v) + _dot(dwrites, b), d * dright, dinitial


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(-1, keepdim=True)


def _propagate_states(through_XKK: Tensor, added_XKV: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the state before each chunk, (X, K, V), and the last state."""
    states = initial.new_empty(len(through_XKK) // len(initial) + 1, *initial.shape)
    states[0] = initial
    state = states.unbind()
    for n, (through, added) in enumerate(_chunks(initial, through_XKK, added_XKV)):
        torch.baddbmm(added, through, state[n], out=state[n + 1])
    return states[:-1].flatten(0, 1), state[-1].clone()


def _propagate_gradients(through_XKK: Tensor, local_XKV: Tensor, dlast: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gradient of the state after each chunk, (X, K, V), and that of the first state."""
    adjoints = dlast.new_empty(len(through_XKK) // len(dlast) + 1, *dlast.shape)
    adjoints[-1] = dlast
    adjoint = adjoints.unbind()
    for n, (through, local) in reversed(list(enumerate(_chunks(dlast, through_XKK, local_XKV)))):
        torch.baddbmm(local, through.mT, adjoint[n + 1], out=adjoint[n])
    return adjoints[1:].flatten(0, 1), adjoint[0].clone()


def _chunks(side_by_side: Tensor, *chunked_X: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Iterate over the tensors of each chunk, in order."""
    return zip(*(torch.split(x, len(side_by_side)) for x in chunked_X), strict=True)
