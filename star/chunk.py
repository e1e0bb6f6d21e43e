"""One slab of the chunked recurrence: outputs, last state and, by hand, gradients. See `star.chunked`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K state channels, V value channels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

SMALL = 4
"""Up to so many terms a sum of products is faster without a batched matrix product."""


class PerHead:
    """One decay per head: the scores of a chunk, which heads may share, times the decays between its tokens."""

    chunk = 32

    def __init__(
        self, c_BNGCK: Tensor, b_BNGCK: Tensor, log_BNHC1: Tensor, w_BNHCV: Tensor, start_BHKV: Tensor
    ) -> None:
        self.c, self.b, self.w = c_BNGCK, b_BNGCK, w_BNHCV
        log_BNHC, size = log_BNHC1.squeeze(-1), c_BNGCK.shape[3]
        self.between_CE, self.upto_CC = _spans(size, log_BNHC.dtype, log_BNHC.device)
        self.reach_BNHCC = torch.unflatten((log_BNHC @ self.between_CE).exp_(), -1, (size, size))
        self.since_BNHC1 = (log_BNHC @ self.upto_CC).exp_().unsqueeze(-1)
        self.until_BNHC1 = self.reach_BNHCC[..., -1, :].unsqueeze(-1)
        self.whole_BNH11 = self.since_BNHC1[..., -1:, :]
        self.left_BNHCV = self.until_BNHC1 * w_BNHCV
        added_BNHKV = _by_group(b_BNGCK.transpose(-1, -2), self.left_BNHCV)
        self.starts_BNHKV, self.last_BHKV = _hand_on(added_BNHKV, self.whole_BNH11, start_BHKV)
        self.mixing_BNHCC = _times_shared(self.reach_BNHCC, (c_BNGCK @ b_BNGCK.transpose(-1, -2)).tril_())
        self.carried_BNHCV = _by_group(c_BNGCK, self.starts_BNHKV)

    def outputs(self) -> Tensor:
        return (self.mixing_BNHCC @ self.w).addcmul_(self.since_BNHC1, self.carried_BNHCV)

    def gradients(self, grad_y_BNHCV: Tensor, adjoint_BHKV: Tensor) -> tuple[Tensor, ...]:
        """Of c, b, the log decays, w and the state the slab started from."""
        groups = self.c.shape[2]
        read_BNHCV = self.since_BNHC1 * grad_y_BNHCV
        asked_BNHKV = _by_group(self.c.transpose(-1, -2), read_BNHCV)
        adjoints_BNHKV, first_BHKV = _hand_back(asked_BNHKV, self.whole_BNH11, adjoint_BHKV)
        grad_mixing = grad_y_BNHCV @ self.w.transpose(-1, -2)
        spans = grad_mixing * self.mixing_BNHCC
        grad_scores = _summed_to(grad_mixing.mul_(self.reach_BNHCC), groups).tril_()
        grad_c = _summed_to_group(read_BNHCV, self.starts_BNHKV, groups) + grad_scores @ self.b
        grad_b = _summed_to_group(self.left_BNHCV, adjoints_BNHKV, groups) + grad_scores.transpose(-1, -2) @ self.c
        grad_left = _by_group(self.b, adjoints_BNHKV)
        grad_w = (self.mixing_BNHCC.transpose(-1, -2) @ grad_y_BNHCV).addcmul_(self.until_BNHC1, grad_left)
        spans[..., -1, :] += (grad_left * self.left_BNHCV).sum(-1)
        since_BNHC = (read_BNHCV * self.carried_BNHCV).sum(-1)
        since_BNHC[..., -1] += (self.whole_BNH11 * adjoints_BNHKV * self.starts_BNHKV).sum((-1, -2))
        grad_log_BNHC = spans.flatten(-2) @ self.between_CE.T + since_BNHC @ self.upto_CC.T
        return grad_c, grad_b, grad_log_BNHC.unsqueeze(-1), grad_w, first_BHKV


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

    chunk = 16

    def __init__(
        self, c_BNGCK: Tensor, b_BNGCK: Tensor, log_BNHCK: Tensor, w_BNHCV: Tensor, start_BHKV: Tensor
    ) -> None:
        self.c, self.b, self.w, self.groups = c_BNGCK, b_BNGCK, w_BNHCV, c_BNGCK.shape[2]
        self.since_BNHCK = log_BNHCK.exp()
        self.until_BNHCK = torch.ones_like(log_BNHCK)
        self.mixing_BNHCC = torch.diag_embed((c_BNGCK * b_BNGCK).sum(-1).expand(*w_BNHCV.shape[:4]))
        self.levels = [self._level(1 << n) for n in range(log_BNHCK.shape[3].bit_length() - 1)]
        self.whole_BNHK1 = self.since_BNHCK[..., -1, :].unsqueeze(-1)
        self.left_BNHCK = b_BNGCK * self.until_BNHCK
        self.read_BNHCK = c_BNGCK * self.since_BNHCK
        added_BNHKV = self.left_BNHCK.transpose(-1, -2) @ w_BNHCV
        self.starts_BNHKV, self.last_BHKV = _hand_on(added_BNHKV, self.whole_BNHK1, start_BHKV)

    def _level(self, half: int) -> _Span:
        """Two neighbouring spans of `half` tokens become one; the decays in them are extended to its ends."""
        earlier, upto = _halves(self.since_BNHCK, half)
        after = _halves(self.until_BNHCK, half)[0]
        level = _Span(_halves(self.c, half)[1] * upto, _halves(self.b, half)[0] * after, upto.clone(), after.clone())
        _crossings(self.mixing_BNHCC, half).copy_(_product(level.read, level.written.transpose(-1, -2)))
        after.mul_(upto[..., -1:, :])
        upto.mul_(earlier[..., -1:, :])
        return level

    def outputs(self) -> Tensor:
        return self.mixing_BNHCC @ self.w + self.read_BNHCK @ self.starts_BNHKV

    def gradients(self, grad_y_BNHCV: Tensor, adjoint_BHKV: Tensor) -> tuple[Tensor, ...]:
        """Of c, b, the log decays, w and the state the slab started from.

        A log decay is met by every reading after it of a writing before it. What c and b gain from their meetings,
        b's taken from c's and summed from a token to the chunk's end, leaves just those.
        """
        asked_BNHKV = self.read_BNHCK.transpose(-1, -2) @ grad_y_BNHCV
        adjoints_BNHKV, first_BHKV = _hand_back(asked_BNHKV, self.whole_BNHK1, adjoint_BHKV)
        met_c = (grad_y_BNHCV @ self.starts_BNHKV.transpose(-1, -2)).mul_(self.since_BNHCK)
        met_b = torch.zeros_like(met_c)
        kept_b = (self.w @ adjoints_BNHKV.transpose(-1, -2)).mul_(self.until_BNHCK)
        grad_w = self.left_BNHCK @ adjoints_BNHKV + self.mixing_BNHCC.transpose(-1, -2) @ grad_y_BNHCV
        grad_mixing = grad_y_BNHCV @ self.w.transpose(-1, -2)
        for n, level in enumerate(self.levels):
            grad_scores = _crossings(grad_mixing, 1 << n)
            _halves(met_c, 1 << n)[1].addcmul_(_product(grad_scores, level.written), level.upto)
            _halves(met_b, 1 << n)[0].addcmul_(_product(grad_scores.transpose(-1, -2), level.read), level.after)
        upto_CC = _spans(self.w.shape[3], self.w.dtype, self.w.device)[1]
        kept_whole_BNH1K = (self.whole_BNHK1 * adjoints_BNHKV * self.starts_BNHKV).sum(-1).unsqueeze(-2)
        grad_log = upto_CC @ (self.c * met_c).addcmul_(self.b, met_b, value=-1) + kept_whole_BNH1K
        grad_log += (1 - upto_CC) @ (self.b * kept_b)
        own_BNHC1 = grad_mixing.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        grad_c = _summed_to(met_c.addcmul_(own_BNHC1, self.b), self.groups)
        grad_b = _summed_to(met_b.add_(kept_b).addcmul_(own_BNHC1, self.c), self.groups)
        return grad_c, grad_b, grad_log, grad_w, first_BHKV


def _halves(x_BNHCK: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """The earlier and the later halves of spans of 2 * half tokens, as views (B, N, H, spans, half, K)."""
    spans = torch.unflatten(x_BNHCK, 3, (-1, 2, half))
    return spans.select(4, 0), spans.select(4, 1)


def _crossings(x_BNHCC: Tensor, half: int) -> Tensor:
    """What later halves of spans read of their earlier ones, as a view (B, N, H, spans, half, half)."""
    blocks = torch.unflatten(torch.unflatten(x_BNHCC, 4, (-1, 2, half)), 3, (-1, 2, half))
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


def _by_group(left_BNGXY: Tensor, right_BNHYV: Tensor) -> Tensor:
    """left @ right, one left factor for all the heads of a group."""
    groups, heads = left_BNGXY.shape[2], right_BNHYV.shape[2]
    if groups == heads:
        return left_BNGXY @ right_BNHYV
    product = left_BNGXY @ _side_by_side(right_BNHYV, groups)
    return torch.unflatten(product, -1, (heads // groups, -1)).transpose(3, 4).flatten(2, 3)


def _side_by_side(x_BNHYV: Tensor, groups: int) -> Tensor:
    """The channels of a group's heads beside each other: (B, N, G, Y, R V)."""
    return torch.unflatten(x_BNHYV, 2, (groups, -1)).transpose(3, 4).flatten(4)


def _summed_to_group(left_BNHXV: Tensor, right_BNHYV: Tensor, groups: int) -> Tensor:
    """left @ right^T, summed over the heads of a group: (B, N, G, X, Y)."""
    if groups == left_BNHXV.shape[2]:
        return left_BNHXV @ right_BNHYV.transpose(-1, -2)
    return _side_by_side(left_BNHXV, groups) @ _side_by_side(right_BNHYV, groups).transpose(-1, -2)


def _summed_to(x_BNHXY: Tensor, groups: int) -> Tensor:
    """Summed over the heads of a group."""
    return x_BNHXY if groups == x_BNHXY.shape[2] else torch.unflatten(x_BNHXY, 2, (groups, -1)).sum(3)


def _times_shared(x_BNHXY: Tensor, shared_BNGXY: Tensor) -> Tensor:
    return (torch.unflatten(x_BNHXY, 2, (shared_BNGXY.shape[2], -1)) * shared_BNGXY.unsqueeze(3)).flatten(2, 3)


def _hand_on(added_BNHKV: Tensor, whole_BNHK1: Tensor, start_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """The state each chunk starts from, and the last, given what chunks add and what they let through."""
    starts_BNHKV, state = torch.empty_like(added_BNHKV), start_BHKV
    for n in range(added_BNHKV.shape[1]):
        starts_BNHKV[:, n] = state
        state = torch.addcmul(added_BNHKV[:, n], whole_BNHK1[:, n], state)
    return starts_BNHKV, state


def _hand_back(asked_BNHKV: Tensor, whole_BNHK1: Tensor, last_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the state each chunk ends with, and of the first: the same loop in the other direction."""
    ends_BNHKV, adjoint = torch.empty_like(asked_BNHKV), last_BHKV
    for n in range(asked_BNHKV.shape[1] - 1, -1, -1):
        ends_BNHKV[:, n] = adjoint
        adjoint = torch.addcmul(asked_BNHKV[:, n], whole_BNHK1[:, n], adjoint)
    return ends_BNHKV, adjoint


@lru_cache(maxsize=16)
def _spans(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which tokens t lie in j < t <= i, for all i and j: (C, C * C); and in t <= i: (C, C). Ones and zeros."""
    t = torch.arange(size, device=device)
    upto_CC = (t.unsqueeze(1) <= t).to(dtype)
    after_CC = (t.unsqueeze(1) > t).to(dtype)
    return (upto_CC.unsqueeze(2) * after_CC.unsqueeze(1)).flatten(1), upto_CC
