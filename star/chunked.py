"""The recurrence S_t = exp(l_t) S_{t-1} + b_t w_t^T, y_t = c_t S_t with K x V states, as matrix products over chunks.

Within a chunk every token reaches every later one through the sum of the log decays between them; what a chunk leaves
behind is handed on to the next as a state. Log decays are only ever added up, over the very tokens between two, so
that no exponent is above zero and nothing is lost to the difference of two large sums: any decay is exact.

B batch, L tokens, H heads, G heads of c and b (1 or H), R = H / G, K state channels, V value channels,
N chunks of C tokens.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

SCALAR_CHUNK = 32
VECTOR_CHUNK = 16
"""Tokens of a chunk where a head has one decay, and where each of its key channels has its own. Powers of two."""


def chunked(
    c_BLGK: Tensor, b_BLGK: Tensor, log_decay_BLHK: Tensor, w_BLHV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """Outputs y_BLHV and the last state_BHKV; differentiable in everything. All of one floating dtype.

    Args:
        log_decay_BLHK: 0 or less; its last dimension is 1 where a head decays as one.
    """
    length = w_BLHV.shape[1]
    form, longest = (_vector, VECTOR_CHUNK) if log_decay_BLHK.shape[-1] > 1 else (_scalar, SCALAR_CHUNK)
    chunk = min(longest, 1 << (length - 1).bit_length())
    c, b, log_decay, w = (_cut(x, chunk) for x in (c_BLGK, b_BLGK, log_decay_BLHK, w_BLHV))
    y_BNHCV, last_BHKV = form(c, b, log_decay, w, initial_BHKV)
    return y_BNHCV.transpose(2, 3).flatten(1, 2)[:, :length], last_BHKV


def _cut(x_BLHK: Tensor, chunk: int) -> Tensor:
    """(B, N, H, C, K), padded with zeros: such tokens neither write nor decay."""
    padded = F.pad(x_BLHK, (0, 0, 0, 0, 0, -x_BLHK.shape[1] % chunk))
    return torch.unflatten(padded, 1, (-1, chunk)).transpose(2, 3)


def _scalar(
    c_BNGCK: Tensor, b_BNGCK: Tensor, log_BNHC1: Tensor, w_BNHCV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """One decay per head: the scores of a chunk, which heads may share, times the decays between its tokens."""
    groups, chunk = c_BNGCK.shape[2:4]
    log_BNHC = log_BNHC1.squeeze(-1)
    between_CE, before_CC = _spans(chunk, log_BNHC.dtype, log_BNHC.device)
    reach_BNHCC = torch.unflatten(log_BNHC @ between_CE, -1, (chunk, chunk)).exp()
    scores_BNGCC = (c_BNGCK @ b_BNGCK.transpose(-1, -2)).tril()
    mixing_BNGRCC = scores_BNGCC.unsqueeze(3) * torch.unflatten(reach_BNHCC, 2, (groups, -1))
    inside_BNHCV = mixing_BNGRCC.flatten(2, 3) @ w_BNHCV
    since_start_BNHC = (log_BNHC @ before_CC).exp()
    left_BNHKV = _by_group(b_BNGCK.transpose(-1, -2), reach_BNHCC[..., -1, :].unsqueeze(-1) * w_BNHCV)
    starts_BNHKV, last_BHKV = _hand_on(left_BNHKV, since_start_BNHC[..., -1:, None], initial_BHKV)
    return inside_BNHCV + since_start_BNHC.unsqueeze(-1) * _by_group(c_BNGCK, starts_BNHKV), last_BHKV


def _by_group(left_BNGXY: Tensor, right_BNHYV: Tensor) -> Tensor:
    """left @ right, one left factor for all the heads of a group."""
    groups, heads = left_BNGXY.shape[2], right_BNHYV.shape[2]
    if groups == heads:
        return left_BNGXY @ right_BNHYV
    side_by_side = torch.unflatten(right_BNHYV, 2, (groups, -1)).transpose(3, 4).flatten(4)
    product = torch.unflatten(left_BNGXY @ side_by_side, -1, (heads // groups, -1))
    return product.transpose(3, 4).flatten(2, 3)


@lru_cache(maxsize=16)
def _spans(chunk: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which tokens t lie in j < t <= i, for all i and j: (C, C * C); and in t <= i: (C, C). Ones and zeros."""
    t = torch.arange(chunk, device=device)
    upto_CC = (t.unsqueeze(1) <= t).to(dtype)
    after_CC = (t.unsqueeze(1) > t).to(dtype)
    return (upto_CC.unsqueeze(2) * after_CC.unsqueeze(1)).flatten(1), upto_CC


def _vector(
    c_BNGCK: Tensor, b_BNGCK: Tensor, log_BNHCK: Tensor, w_BNHCV: Tensor, initial_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """One decay per key channel: a chunk is halved and halved again.

    The later half of a span reads the earlier through the decay up to the boundary times the decay from it on:
    two factors, neither above one, so that each span is two matrix products.
    """
    y_BNHCV = (c_BNGCK * b_BNGCK).sum(-1, keepdim=True) * w_BNHCV
    upto_BNHCK, after_BNHCK = log_BNHCK, torch.zeros_like(log_BNHCK)
    half = 1
    while half < log_BNHCK.shape[3]:
        c, b, upto, after, w, y = (
            torch.unflatten(x, 3, (-1, 2, half)) for x in (c_BNGCK, b_BNGCK, upto_BNHCK, after_BNHCK, w_BNHCV, y_BNHCV)
        )
        read, written = c[..., 1, :, :] * upto[..., 1, :, :].exp(), b[..., 0, :, :] * after[..., 0, :, :].exp()
        scores = (read * written).sum(-1, keepdim=True) if half == 1 else read @ written.transpose(-1, -2)
        crossed = scores * w[..., 0, :, :] if half == 1 else scores @ w[..., 0, :, :]
        y_BNHCV = torch.stack([y[..., 0, :, :], y[..., 1, :, :] + crossed], dim=-3).flatten(3, 5)
        whole = upto[..., -1:, :]
        upto_BNHCK = torch.stack([upto[..., 0, :, :], upto[..., 1, :, :] + whole[..., 0, :, :]], dim=-3).flatten(3, 5)
        after_BNHCK = torch.stack([after[..., 0, :, :] + whole[..., 1, :, :], after[..., 1, :, :]], dim=-3).flatten(
            3, 5
        )
        half *= 2
    left_BNHKV = (b_BNGCK * after_BNHCK.exp()).transpose(-1, -2) @ w_BNHCV
    since_start_BNHCK = upto_BNHCK.exp()
    whole_BNHK1 = since_start_BNHCK[..., -1, :].unsqueeze(-1)
    starts_BNHKV, last_BHKV = _hand_on(left_BNHKV, whole_BNHK1, initial_BHKV)
    return y_BNHCV + (c_BNGCK * since_start_BNHCK) @ starts_BNHKV, last_BHKV


def _hand_on(left_BNHKV: Tensor, reach_BNHK1: Tensor, initial_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """The state each chunk starts from, and the last, given what chunks leave behind and what they let through."""
    states: Tensor = _HandOn.apply(left_BNHKV, reach_BNHK1, initial_BHKV)  # type: ignore[no-untyped-call]  # torch's own apply is untyped
    return states[:-1].transpose(0, 1), states[-1]


class _HandOn(torch.autograd.Function):
    """Backwards it is the same loop in the other direction."""

    @staticmethod
    def forward(ctx: Any, left_BNHKV: Tensor, reach_BNHK1: Tensor, initial_BHKV: Tensor) -> Tensor:
        chunks = left_BNHKV.shape[1]
        states = initial_BHKV.new_empty(chunks + 1, *initial_BHKV.shape)
        states[0] = initial_BHKV
        for n, (left, reach) in enumerate(zip(left_BNHKV.unbind(1), reach_BNHK1.unbind(1), strict=True)):
            torch.addcmul(left, reach, states[n], out=states[n + 1])
        ctx.save_for_backward(reach_BNHK1, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (grad_states,) = grads
        reach_BNHK1, states = ctx.saved_tensors
        adjoints = grad_states.clone(memory_format=torch.contiguous_format)
        reaches = reach_BNHK1.unbind(1)
        for n in range(len(reaches) - 1, -1, -1):
            adjoints[n].addcmul_(reaches[n], adjoints[n + 1])
        left = adjoints[1:].transpose(0, 1)
        through = (adjoints[1:] * states[:-1]).transpose(0, 1).sum_to_size(reach_BNHK1.shape)
        return left, through, adjoints[0]
