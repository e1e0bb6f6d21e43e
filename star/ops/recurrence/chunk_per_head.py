"""One tile of the chunked recurrence with one log decay per head. See `star.ops.recurrence.chunk`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, E = C C pairs of
tokens.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from star.ops.recurrence.chunk_products import (
    LOG2_E,
    by_group,
    fill,
    propagate_gradients,
    propagate_states,
    spans,
    summed_to,
    summed_to_group,
    times_shared,
)


class PerHead(NamedTuple):
    """A tile with one decay per head: what its outputs and gradients need.

    A chunk's output is the sum of two products: its scores c b^T, which heads may share, times the decays between its
    tokens, times w; and c times the decayed state at the start of the chunk.

    Attributes:
        c, b: (N, B, G, C, K).
        w: (N, B, H, C, V).
        reach: (N, B, H, C, C), the decay from each token to each later one.
        since: (N, B, H, C, 1), the decay from the start of the chunk on.
        written: (N, B, H, C, V), w times the decay to the end of the chunk.
        starts: (N, B, H, K, V), the states at the starts of the chunks.
        mixing: (N, B, H, C, C), scores times decays.
        carried: (N, B, H, C, V), c times the state at the start.
    """

    c: Tensor
    b: Tensor
    w: Tensor
    reach: Tensor
    since: Tensor
    written: Tensor
    starts: Tensor
    mixing: Tensor
    carried: Tensor

    @classmethod
    def of(
        cls, c_NBGCK: Tensor, b_NBGCK: Tensor, log_NBHC1: Tensor, w_NBHCV: Tensor, start_BHKV: Tensor
    ) -> tuple[Self, Tensor]:
        """Compute a tile, and the state at its end."""
        c_NBGCK, b_NBGCK, w_NBHCV = (x.contiguous() for x in (c_NBGCK, b_NBGCK, w_NBHCV))
        log_NBHC, size = log_NBHC1.squeeze(-1) * LOG2_E, c_NBGCK.shape[3]
        between_CE, upto_CC = spans(size, log_NBHC.dtype, log_NBHC.device)
        reach_NBHCC = torch.unflatten((log_NBHC @ between_CE).exp2_(), -1, (size, size))
        since_NBHC1 = (log_NBHC @ upto_CC).exp2_().unsqueeze(-1)
        written_NBHCV = _until(reach_NBHCC) * w_NBHCV
        added_NBHKV = by_group(b_NBGCK.transpose(-1, -2), written_NBHCV)
        states = propagate_states(added_NBHKV, _whole(since_NBHC1), start_BHKV)
        mixing_NBHCC = times_shared(reach_NBHCC, (c_NBGCK @ b_NBGCK.transpose(-1, -2)).tril_())
        carried_NBHCV = by_group(c_NBGCK, states[:-1])
        kept = (c_NBGCK, b_NBGCK, w_NBHCV, reach_NBHCC, since_NBHC1, written_NBHCV, states[:-1])
        return cls(*kept, mixing_NBHCC, carried_NBHCV), states[-1]

    def outputs(self) -> Tensor:
        return (self.mixing @ self.w).addcmul_(self.since, self.carried)

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, places: tuple[Tensor, ...]) -> Tensor:
        """Write the gradients of c, b, the log decays and w into `places`; return that of the tile's first state."""
        c, b, w, reach_NBHCC, since_NBHC1, written_NBHCV, starts_NBHKV, mixing_NBHCC, carried_NBHCV = self
        groups, whole_NBH11 = c.shape[2], _whole(since_NBHC1)
        between_CE, upto_CC = spans(c.shape[3], since_NBHC1.dtype, since_NBHC1.device)
        read_NBHCV = since_NBHC1 * grad_y_NBHCV
        local_NBHKV = by_group(c.transpose(-1, -2), read_NBHCV)
        adjoints = propagate_gradients(local_NBHKV, whole_NBH11, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        grad_mixing = grad_y_NBHCV @ w.transpose(-1, -2)
        through_reach = grad_mixing * mixing_NBHCC
        grad_scores = summed_to(grad_mixing.mul_(reach_NBHCC), groups).tril_()
        grad_c = summed_to_group(read_NBHCV, starts_NBHKV, groups) + grad_scores @ b
        grad_b = summed_to_group(written_NBHCV, adjoints_NBHKV, groups) + grad_scores.transpose(-1, -2) @ c
        grad_left = by_group(b, adjoints_NBHKV)
        grad_w = (mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV).addcmul_(_until(reach_NBHCC), grad_left)
        through_reach[..., -1, :] += (grad_left * written_NBHCV).sum(-1)
        since_NBHC = (read_NBHCV * carried_NBHCV).sum(-1)
        since_NBHC[..., -1] += (whole_NBH11 * adjoints_NBHKV * starts_NBHKV).sum((-1, -2))
        grad_log_NBHC = through_reach.flatten(-2) @ between_CE.T + since_NBHC @ upto_CC.T
        fill(places, (grad_c, grad_b, grad_log_NBHC.unsqueeze(-1), grad_w))
        return first_BHKV


def _until(reach_NBHCC: Tensor) -> Tensor:
    """Return the decay from each token to the end of its chunk: (N, B, H, C, 1)."""
    return reach_NBHCC[..., -1, :].unsqueeze(-1)


def _whole(since_NBHC1: Tensor) -> Tensor:
    """Return the decay over each chunk: (N, B, H, 1, 1)."""
    return since_NBHC1[..., -1:, :]
