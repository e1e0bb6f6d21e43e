"""One tile of the chunked recurrence with one log decay per key channel. See `star.ops.recurrence.chunk`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from star.ops.recurrence.chunk_products import (
    LOG2_E,
    fill,
    propagate_gradients,
    propagate_states,
    spans,
    summed_to,
)

SMALL = 4
"""The number of products up to which their sum is faster without a batched matrix product."""


class _Span(NamedTuple):
    """One level of halving: queries of the later halves and keys of the earlier ones, and the decays in both."""

    read: Tensor
    written: Tensor
    upto: Tensor
    after: Tensor


class PerKey:
    """Outputs and gradients of a tile with one decay per key channel.

    A chunk is halved again and again. The later half of a span reads the earlier half through the decay up to the
    boundary between them times the decay from the boundary on. Neither factor is above one, so nothing overflows, and
    one batched matrix product computes the halves of all spans of a level.
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
        self.written_NBHCK = b_NBGCK * self.until_NBHCK
        self.read_NBHCK = c_NBGCK * self.since_NBHCK
        added_NBHKV = self.written_NBHCK.transpose(-1, -2) @ w_NBHCV
        states = propagate_states(added_NBHKV, self.whole_NBHK1, start_BHKV)
        self.starts_NBHKV, self.last_BHKV = states[:-1], states[-1]

    def _level(self, half: int) -> _Span:
        """Join neighbouring spans of `half` tokens and extend the decays in them to the ends of the joined span."""
        earlier, upto = _halves(self.since_NBHCK, half)
        after = _halves(self.until_NBHCK, half)[0]
        level = _Span(_halves(self.c, half)[1] * upto, _halves(self.b, half)[0] * after, upto.clone(), after.clone())
        _crossings(self.mixing_NBHCC, half).copy_(_product(level.read, level.written.transpose(-1, -2)))
        after.mul_(upto[..., -1:, :])
        upto.mul_(earlier[..., -1:, :])
        return level

    def outputs(self) -> Tensor:
        return self.mixing_NBHCC @ self.w + self.read_NBHCK @ self.starts_NBHKV

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, places: tuple[Tensor, ...]) -> Tensor:
        """Write the gradients of c, b, the log decays and w into `places`; return that of the tile's first state.

        A log decay scales every product of a later query and an earlier key. Summed from a token to the end of the
        chunk, the gradient through queries less the gradient through keys is the sum over exactly these products.
        """
        local_NBHKV = self.read_NBHCK.transpose(-1, -2) @ grad_y_NBHCV
        adjoints = propagate_gradients(local_NBHKV, self.whole_NBHK1, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        through_c = (grad_y_NBHCV @ self.starts_NBHKV.transpose(-1, -2)).mul_(self.since_NBHCK)
        through_b = torch.zeros_like(through_c)
        kept_b = (self.w @ adjoints_NBHKV.transpose(-1, -2)).mul_(self.until_NBHCK)
        grad_w = self.written_NBHCK @ adjoints_NBHKV + self.mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV
        grad_mixing = grad_y_NBHCV @ self.w.transpose(-1, -2)
        for n, level in enumerate(self.levels):
            grad_scores = _crossings(grad_mixing, 1 << n)
            _halves(through_c, 1 << n)[1].addcmul_(_product(grad_scores, level.written), level.upto)
            _halves(through_b, 1 << n)[0].addcmul_(_product(grad_scores.transpose(-1, -2), level.read), level.after)
        upto_CC = spans(self.w.shape[3], self.w.dtype, self.w.device)[1]
        kept_whole_NBH1K = (self.whole_NBHK1 * adjoints_NBHKV * self.starts_NBHKV).sum(-1).unsqueeze(-2)
        grad_log = upto_CC @ (self.c * through_c).addcmul_(self.b, through_b, value=-1) + kept_whole_NBH1K
        grad_log += (1 - upto_CC) @ (self.b * kept_b)
        own_NBHC1 = grad_mixing.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        grad_c = summed_to(through_c.addcmul_(own_NBHC1, self.b), self.groups)
        grad_b = summed_to(through_b.add_(kept_b).addcmul_(own_NBHC1, self.c), self.groups)
        fill(places, (grad_c, grad_b, grad_log, grad_w))
        return first_BHKV


def _halves(x_NBHCK: Tensor, half: int) -> tuple[Tensor, Tensor]:
    """Return the earlier and the later halves of spans of 2 * half tokens, as views (N, B, H, spans, half, K)."""
    spans = torch.unflatten(x_NBHCK, 3, (-1, 2, half))
    return spans.select(4, 0), spans.select(4, 1)


def _crossings(x_NBHCC: Tensor, half: int) -> Tensor:
    """Return the scores of later halves with earlier halves of their spans, as a view (N, B, H, spans, half, half)."""
    blocks = torch.unflatten(torch.unflatten(x_NBHCC, 4, (-1, 2, half)), 3, (-1, 2, half))
    return blocks[:, :, :, :, 1, :, :, 0].diagonal(dim1=3, dim2=5).movedim(-1, 3)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Compute left @ right; small products element by element, in half the time of a batched matrix product."""
    if left.shape[-1] <= SMALL:
        product = left[..., :1] * right[..., :1, :]
        for n in range(1, left.shape[-1]):
            product.addcmul_(left[..., n : n + 1], right[..., n : n + 1, :])
        return product
    if left.shape[-2] == 1:
        return (left * right.transpose(-1, -2)).sum(-1, keepdim=True)
    return left @ right
