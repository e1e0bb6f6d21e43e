"""One slab of the chunked recurrence: outputs, last state and, by hand, gradients. See `star.ops.recurrence.chunk`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K state channels, V value channels.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

LOG2_E = 1 / math.log(2)
"""exp(x) is computed as 2^(x / log 2): torch's exp2 takes 0.3 ns an element where its exp takes 0.8."""

SMALL = 4
"""Up to so many terms a sum of products is faster without a batched matrix product."""


class PerHead:
    """One decay per head: the scores of a chunk, which heads may share, times the decays between its tokens."""

    def __init__(
        self, c_NBGCK: Tensor, b_NBGCK: Tensor, log_NBHC1: Tensor, w_NBHCV: Tensor, start_BHKV: Tensor
    ) -> None:
        self.c, self.b, self.w = c_NBGCK, b_NBGCK, w_NBHCV = [x.contiguous() for x in (c_NBGCK, b_NBGCK, w_NBHCV)]
        log_NBHC, size = log_NBHC1.squeeze(-1) * LOG2_E, c_NBGCK.shape[3]
        self.between_CE, self.upto_CC = spans(size, log_NBHC.dtype, log_NBHC.device)
        self.reach_NBHCC = torch.unflatten((log_NBHC @ self.between_CE).exp2_(), -1, (size, size))
        self.since_NBHC1 = (log_NBHC @ self.upto_CC).exp2_().unsqueeze(-1)
        self.until_NBHC1 = self.reach_NBHCC[..., -1, :].unsqueeze(-1)
        self.whole_NBH11 = self.since_NBHC1[..., -1:, :]
        self.left_NBHCV = self.until_NBHC1 * w_NBHCV
        added_NBHKV = _by_group(b_NBGCK.transpose(-1, -2), self.left_NBHCV)
        states = hand_on(added_NBHKV, self.whole_NBH11, start_BHKV)
        self.starts_NBHKV, self.last_BHKV = states[:-1], states[-1]
        self.mixing_NBHCC = _times_shared(self.reach_NBHCC, (c_NBGCK @ b_NBGCK.transpose(-1, -2)).tril_())
        self.carried_NBHCV = _by_group(c_NBGCK, self.starts_NBHKV)

    def outputs(self) -> Tensor:
        return (self.mixing_NBHCC @ self.w).addcmul_(self.since_NBHC1, self.carried_NBHCV)

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, found: tuple[Tensor, ...]) -> Tensor:
        """Fills in those of c, b, the log decays and w, and gives that of the state the slab started from."""
        groups = self.c.shape[2]
        read_NBHCV = self.since_NBHC1 * grad_y_NBHCV
        asked_NBHKV = _by_group(self.c.transpose(-1, -2), read_NBHCV)
        adjoints = hand_back(asked_NBHKV, self.whole_NBH11, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        grad_mixing = grad_y_NBHCV @ self.w.transpose(-1, -2)
        through_reach = grad_mixing * self.mixing_NBHCC
        grad_scores = _summed_to(grad_mixing.mul_(self.reach_NBHCC), groups).tril_()
        grad_c = _summed_to_group(read_NBHCV, self.starts_NBHKV, groups) + grad_scores @ self.b
        grad_b = _summed_to_group(self.left_NBHCV, adjoints_NBHKV, groups) + grad_scores.transpose(-1, -2) @ self.c
        grad_left = _by_group(self.b, adjoints_NBHKV)
        grad_w = (self.mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV).addcmul_(self.until_NBHC1, grad_left)
        through_reach[..., -1, :] += (grad_left * self.left_NBHCV).sum(-1)
        since_NBHC = (read_NBHCV * self.carried_NBHCV).sum(-1)
        since_NBHC[..., -1] += (self.whole_NBH11 * adjoints_NBHKV * self.starts_NBHKV).sum((-1, -2))
        grad_log_NBHC = through_reach.flatten(-2) @ self.between_CE.T + since_NBHC @ self.upto_CC.T
        _fill(found, (grad_c, grad_b, grad_log_NBHC.unsqueeze(-1), grad_w))
        return first_BHKV


class _Span(NamedTuple):
    """A level of halving: what the later halves read and the earlier wrote, with the decays in both."""

    read: Tensor
    written: Tensor
    upto: Tensor
    after: Tensor


class PerKey:
    """One decay per key channel: a chunk is halved and halved again.

    The later half of a span reads the earlier through the decay up to the boundary times the decay from it on: two
    factors, neither above one, so that the halves of all spans of a level meet in matrix products.
    """

    def __init__(
        self, c_NBGCK: Tensor, b_NBGCK: Tensor, log_NBHCK: Tensor, w_NBHCV: Tensor, start_BHKV: Tensor
    ) -> None:
        self.c, self.b, self.w = c_NBGCK, b_NBGCK, w_NBHCV = [x.contiguous() for x in (c_NBGCK, b_NBGCK, w_NBHCV)]
        self.groups, log_NBHCK = c_NBGCK.shape[2], log_NBHCK.contiguous()
        self.since_NBHCK = (log_NBHCK * LOG2_E).exp2_()
        self.until_NBHCK = torch.ones_like(log_NBHCK)
        self.mixing_NBHCC = torch.diag_embed((c_NBGCK * b_NBGCK).sum(-1).expand(*w_NBHCV.shape[:4]))
        self.levels = [self._level(1 << n) for n in range(log_NBHCK.shape[3].bit_length() - 1)]
        self.whole_NBHK1 = self.since_NBHCK[..., -1, :].unsqueeze(-1)
        self.left_NBHCK = b_NBGCK * self.until_NBHCK
        self.read_NBHCK = c_NBGCK * self.since_NBHCK
        added_NBHKV = self.left_NBHCK.transpose(-1, -2) @ w_NBHCV
        states = hand_on(added_NBHKV, self.whole_NBHK1, start_BHKV)
        self.starts_NBHKV, self.last_BHKV = states[:-1], states[-1]

    def _level(self, half: int) -> _Span:
        """Two neighbouring spans of `half` tokens become one; the decays in them are extended to its ends."""
        earlier, upto = _halves(self.since_NBHCK, half)
        after = _halves(self.until_NBHCK, half)[0]
        level = _Span(_halves(self.c, half)[1] * upto, _halves(self.b, half)[0] * after, upto.clone(), after.clone())
        _crossings(self.mixing_NBHCC, half).copy_(_product(level.read, level.written.transpose(-1, -2)))
        after.mul_(upto[..., -1:, :])
        upto.mul_(earlier[..., -1:, :])
        return level

    def outputs(self) -> Tensor:
        return self.mixing_NBHCC @ self.w + self.read_NBHCK @ self.starts_NBHKV

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, found: tuple[Tensor, ...]) -> Tensor:
        """Fills in those of c, b, the log decays and w, and gives that of the state the slab started from.

        A log decay is met by every reading after it of a writing before it. What c and b gain from their meetings,
        b's taken from c's and summed from a token to the chunk's end, leaves just those.
        """
        asked_NBHKV = self.read_NBHCK.transpose(-1, -2) @ grad_y_NBHCV
        adjoints = hand_back(asked_NBHKV, self.whole_NBHK1, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        met_c = (grad_y_NBHCV @ self.starts_NBHKV.transpose(-1, -2)).mul_(self.since_NBHCK)
        met_b = torch.zeros_like(met_c)
        kept_b = (self.w @ adjoints_NBHKV.transpose(-1, -2)).mul_(self.until_NBHCK)
        grad_w = self.left_NBHCK @ adjoints_NBHKV + self.mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV
        grad_mixing = grad_y_NBHCV @ self.w.transpose(-1, -2)
        for n, level in enumerate(self.levels):
            grad_scores = _crossings(grad_mixing, 1 << n)
            _halves(met_c, 1 << n)[1].addcmul_(_product(grad_scores, level.written), level.upto)
            _halves(met_b, 1 << n)[0].addcmul_(_product(grad_scores.transpose(-1, -2), level.read), level.after)
        upto_CC = spans(self.w.shape[3], self.w.dtype, self.w.device)[1]
        kept_whole_NBH1K = (self.whole_NBHK1 * adjoints_NBHKV * self.starts_NBHKV).sum(-1).unsqueeze(-2)
        grad_log = upto_CC @ (self.c * met_c).addcmul_(self.b, met_b, value=-1) + kept_whole_NBH1K
        grad_log += (1 - upto_CC) @ (self.b * kept_b)
        own_NBHC1 = grad_mixing.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        grad_c = _summed_to(met_c.addcmul_(own_NBHC1, self.b), self.groups)
        grad_b = _summed_to(met_b.add_(kept_b).addcmul_(own_NBHC1, self.c), self.groups)
        _fill(found, (grad_c, grad_b, grad_log, grad_w))
        return first_BHKV


def _fill(places: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> None:
    for place, value in zip(places, values, strict=True):
        place.copy_(value)


def _halves(x_NBHCK: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """The earlier and the later halves of spans of 2 * half tokens, as views (N, B, H, spans, half, K)."""
    spans = torch.unflatten(x_NBHCK, 3, (-1, 2, half))
    return spans.select(4, 0), spans.select(4, 1)


def _crossings(x_NBHCC: Tensor, half: int) -> Tensor:
    """What later halves of spans read of their earlier ones, as a view (N, B, H, spans, half, half)."""
    blocks = torch.unflatten(torch.unflatten(x_NBHCC, 4, (-1, 2, half)), 3, (-1, 2, half))
    return blocks[:, :, :, :, 1, :, :, 0].diagonal(dim1=3, dim2=5).movedim(-1, 3)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right; very small ones element by element, which takes half the time of matrix products."""
    if left.shape[-1] <= SMALL:
        product = left[..., :1] * right[..., :1, :]
        for n in range(1, left.shape[-1]):
            product.addcmul_(left[..., n : n + 1], right[..., n : n + 1, :])
        return product
    if left.shape[-2] == 1:
        return (left * right.transpose(-1, -2)).sum(-1, keepdim=True)
    return left @ right


def _by_group(left_NBGXY: Tensor, right_NBHYV: Tensor) -> Tensor:
    """left @ right, one left factor for all the heads of a group."""
    groups, heads = left_NBGXY.shape[2], right_NBHYV.shape[2]
    if groups == heads:
        return left_NBGXY @ right_NBHYV
    product = left_NBGXY @ _side_by_side(right_NBHYV, groups)
    return torch.unflatten(product, -1, (heads // groups, -1)).transpose(3, 4).flatten(2, 3)


def _side_by_side(x_NBHYV: Tensor, groups: int) -> Tensor:
    """The channels of a group's heads beside each other: (N, B, G, Y, R V)."""
    return torch.unflatten(x_NBHYV, 2, (groups, -1)).transpose(3, 4).flatten(4)


def _summed_to_group(left_NBHXV: Tensor, right_NBHYV: Tensor, groups: int) -> Tensor:
    """left @ right^T, summed over the heads of a group: (N, B, G, X, Y)."""
    if groups == left_NBHXV.shape[2]:
        return left_NBHXV @ right_NBHYV.transpose(-1, -2)
    return _side_by_side(left_NBHXV, groups) @ _side_by_side(right_NBHYV, groups).transpose(-1, -2)


def _summed_to(x_NBHXY: Tensor, groups: int) -> Tensor:
    """Summed over the heads of a group."""
    return x_NBHXY if groups == x_NBHXY.shape[2] else torch.unflatten(x_NBHXY, 2, (groups, -1)).sum(3)


def _times_shared(x_NBHXY: Tensor, shared_NBGXY: Tensor) -> Tensor:
    return (torch.unflatten(x_NBHXY, 2, (shared_NBGXY.shape[2], -1)) * shared_NBGXY.unsqueeze(3)).flatten(2, 3)


def hand_on(added_NBHKV: Tensor, whole_NBHK1: Tensor, start_BHKV: Tensor) -> Tensor:
    """The states between chunks, N + 1 of them, given what chunks add and what they let through."""
    states = added_NBHKV.new_empty(len(added_NBHKV) + 1, *start_BHKV.shape)
    states[0] = start_BHKV
    state = states.unbind()
    for before, after, added, whole in zip(state[:-1], state[1:], added_NBHKV, whole_NBHK1, strict=True):
        torch.addcmul(added, whole, before, out=after)
    return states


def hand_back(asked_NBHKV: Tensor, whole_NBHK1: Tensor, last_BHKV: Tensor) -> Tensor:
    """The gradients of the states between chunks, N + 1: the same loop in the other direction."""
    adjoints = asked_NBHKV.new_empty(len(asked_NBHKV) + 1, *last_BHKV.shape)
    adjoints[-1] = last_BHKV
    adjoint, asked, whole = adjoints.unbind(), asked_NBHKV.unbind(), whole_NBHK1.unbind()
    for n in range(len(asked) - 1, -1, -1):
        torch.addcmul(asked[n], whole[n], adjoint[n + 1], out=adjoint[n])
    return adjoints


@lru_cache(maxsize=16)
def spans(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which tokens t lie in j < t <= i, for all i and j: (C, C * C); and in t <= i: (C, C). Ones and zeros."""
    t = torch.arange(size, device=device)
    upto_CC = (t.unsqueeze(1) <= t).to(dtype)
    after_CC = (t.unsqueeze(1) > t).to(dtype)
    return (upto_CC.unsqueeze(2) * after_CC.unsqueeze(1)).flatten(1), upto_CC
