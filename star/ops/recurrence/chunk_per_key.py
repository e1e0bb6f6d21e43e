"""One tile of the chunked recurrence with one log decay per key channel. See `star.ops.recurrence.chunk`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, Z levels of
halving, S = C / 2 tokens of the halves of one side.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from star.ops.recurrence.chunk_products import (
    LOG2_E,
    crossings,
    fill,
    halves,
    propagate_gradients,
    propagate_states,
    spans,
    summed_to,
)

SMALL = 4
"""The number of products up to which their sum is faster without a batched matrix product."""


class PerKey(NamedTuple):
    """A tile with one decay per key channel: what its outputs and gradients need.

    A chunk is halved again and again. The later half of a span reads the earlier half through the decay up to the
    boundary between them times the decay from the boundary on. Neither factor is above one, so nothing overflows, and
    one batched matrix product computes the halves of all spans of a level.

    Attributes:
        c, b: (N, B, G, C, K).
        w: (N, B, H, C, V).
        since, until: (N, B, H, C, K), the decays from the start of the chunk on, and after each token to its end.
        read, written: (N, B, H, C, K), c times the one and b times the other.
        starts: (N, B, H, K, V), the states at the starts of the chunks.
        mixing: (N, B, H, C, C), scores times decays.
        upto, after: (Z, N, B, H, S, K), the decays from the boundary on to the tokens of later halves, and after the
            tokens of earlier halves up to the boundary, for each level.
        queries, keys: (Z, N, B, H, S, K), c of later halves times the one, and b of earlier halves times the other.
    """

    c: Tensor
    b: Tensor
    w: Tensor
    since: Tensor
    until: Tensor
    read: Tensor
    written: Tensor
    starts: Tensor
    mixing: Tensor
    upto: Tensor
    after: Tensor
    queries: Tensor
    keys: Tensor

    @classmethod
    def of(
        cls, c_NBGCK: Tensor, b_NBGCK: Tensor, log_NBHCK: Tensor, w_NBHCV: Tensor, start_BHKV: Tensor
    ) -> tuple[Self, Tensor]:
        """Compute a tile, and the state at its end."""
        c_NBGCK, b_NBGCK, w_NBHCV, log_NBHCK = (x.contiguous() for x in (c_NBGCK, b_NBGCK, w_NBHCV, log_NBHCK))
        since_NBHCK = (log_NBHCK * LOG2_E).exp2_()
        until_NBHCK = torch.ones_like(log_NBHCK)
        mixing_NBHCC = torch.diag_embed((c_NBGCK * b_NBGCK).sum(-1).expand(*w_NBHCV.shape[:4]))
        *sizes, chunk, keys = log_NBHCK.shape
        levels = [log_NBHCK.new_empty(chunk.bit_length() - 1, *sizes, chunk // 2, keys) for _ in range(4)]
        for n, level in enumerate(zip(*levels, strict=True)):
            half = 1 << n
            upto_kept, after_kept, queries, keyed = (torch.unflatten(x, 3, (-1, half)) for x in level)
            earlier, upto = halves(since_NBHCK, half)
            after = halves(until_NBHCK, half)[0]
            torch.mul(halves(c_NBGCK, half)[1], upto, out=queries)
            torch.mul(halves(b_NBGCK, half)[0], after, out=keyed)
            crossings(mixing_NBHCC, half).copy_(_product(queries, keyed.transpose(-1, -2)))
            upto_kept.copy_(upto)
            after_kept.copy_(after)
            after.mul_(upto[..., -1:, :])  # extended to the ends of the span that both halves make
            upto.mul_(earlier[..., -1:, :])
        written_NBHCK = b_NBGCK * until_NBHCK
        read_NBHCK = c_NBGCK * since_NBHCK
        added_NBHKV = written_NBHCK.transpose(-1, -2) @ w_NBHCV
        states = propagate_states(added_NBHKV, _whole(since_NBHCK), start_BHKV)
        decays, products = (since_NBHCK, until_NBHCK), (read_NBHCK, written_NBHCK, states[:-1], mixing_NBHCC)
        return cls(c_NBGCK, b_NBGCK, w_NBHCV, *decays, *products, *levels), states[-1]

    def outputs(self) -> Tensor:
        return self.mixing @ self.w + self.read @ self.starts

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, places: tuple[Tensor, ...]) -> Tensor:
        """Write the gradients of c, b, the log decays and w into `places`; return that of the tile's first state.

        A log decay scales every product of a later query and an earlier key. Summed from a token to the end of the
        chunk, the gradient through queries less the gradient through keys is the sum over exactly these products.
        """
        c, b, w, since_NBHCK, until_NBHCK, read_NBHCK, written_NBHCK, starts_NBHKV, mixing_NBHCC, *levels = self
        groups, whole_NBHK1 = c.shape[2], _whole(since_NBHCK)
        local_NBHKV = read_NBHCK.transpose(-1, -2) @ grad_y_NBHCV
        adjoints = propagate_gradients(local_NBHKV, whole_NBHK1, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        through_c = (grad_y_NBHCV @ starts_NBHKV.transpose(-1, -2)).mul_(since_NBHCK)
        through_b = torch.zeros_like(through_c)
        kept_b = (w @ adjoints_NBHKV.transpose(-1, -2)).mul_(until_NBHCK)
        grad_w = written_NBHCK @ adjoints_NBHKV + mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV
        grad_mixing = grad_y_NBHCV @ w.transpose(-1, -2)
        for n, level in enumerate(zip(*levels, strict=True)):
            half = 1 << n
            upto, after, queries, keyed = (torch.unflatten(x, 3, (-1, half)) for x in level)
            grad_scores = crossings(grad_mixing, half)
            halves(through_c, half)[1].addcmul_(_product(grad_scores, keyed), upto)
            halves(through_b, half)[0].addcmul_(_product(grad_scores.transpose(-1, -2), queries), after)
        upto_CC = spans(w.shape[3], w.dtype, w.device)[1]
        kept_whole_NBH1K = (whole_NBHK1 * adjoints_NBHKV * starts_NBHKV).sum(-1).unsqueeze(-2)
        grad_log = upto_CC @ (c * through_c).addcmul_(b, through_b, value=-1) + kept_whole_NBH1K
        grad_log += (1 - upto_CC) @ (b * kept_b)
        own_NBHC1 = grad_mixing.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        grad_c = summed_to(through_c.addcmul_(own_NBHC1, b), groups)
        grad_b = summed_to(through_b.add_(kept_b).addcmul_(own_NBHC1, c), groups)
        fill(places, (grad_c, grad_b, grad_log, grad_w))
        return first_BHKV


def _whole(since_NBHCK: Tensor) -> Tensor:
    """Return the decay over each chunk: (N, B, H, K, 1)."""
    return since_NBHCK[..., -1, :].unsqueeze(-1)


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
