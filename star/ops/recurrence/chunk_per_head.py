"""One tile of the chunked recurrence with one log decay per head. See `star.ops.recurrence.chunk`.

B batch, N chunks of C tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, E = C C pairs of
tokens.
"""

from __future__ import annotations

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


class PerHead:
    """Outputs and gradients of a tile with one decay per head.

    A chunk's output is the sum of two products: its scores c b^T, which heads may share, times the decays between its
    tokens, times w; and c times the decayed state at the start of the chunk.
    """

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
        self.written_NBHCV = self.until_NBHC1 * w_NBHCV
        added_NBHKV = by_group(b_NBGCK.transpose(-1, -2), self.written_NBHCV)
        states = propagate_states(added_NBHKV, self.whole_NBH11, start_BHKV)
        self.starts_NBHKV, self.last_BHKV = states[:-1], states[-1]
        self.mixing_NBHCC = times_shared(self.reach_NBHCC, (c_NBGCK @ b_NBGCK.transpose(-1, -2)).tril_())
        self.carried_NBHCV = by_group(c_NBGCK, self.starts_NBHKV)

    def outputs(self) -> Tensor:
        return (self.mixing_NBHCC @ self.w).addcmul_(self.since_NBHC1, self.carried_NBHCV)

    def gradients(self, grad_y_NBHCV: Tensor, adjoint_BHKV: Tensor, places: tuple[Tensor, ...]) -> Tensor:
        """Write the gradients of c, b, the log decays and w into `places`; return that of the tile's first state."""
        groups = self.c.shape[2]
        read_NBHCV = self.since_NBHC1 * grad_y_NBHCV
        local_NBHKV = by_group(self.c.transpose(-1, -2), read_NBHCV)
        adjoints = propagate_gradients(local_NBHKV, self.whole_NBH11, adjoint_BHKV)
        adjoints_NBHKV, first_BHKV = adjoints[1:], adjoints[0]
        grad_mixing = grad_y_NBHCV @ self.w.transpose(-1, -2)
        through_reach = grad_mixing * self.mixing_NBHCC
        grad_scores = summed_to(grad_mixing.mul_(self.reach_NBHCC), groups).tril_()
        grad_c = summed_to_group(read_NBHCV, self.starts_NBHKV, groups) + grad_scores @ self.b
        grad_b = summed_to_group(self.written_NBHCV, adjoints_NBHKV, groups) + grad_scores.transpose(-1, -2) @ self.c
        grad_left = by_group(self.b, adjoints_NBHKV)
        grad_w = (self.mixing_NBHCC.transpose(-1, -2) @ grad_y_NBHCV).addcmul_(self.until_NBHC1, grad_left)
        through_reach[..., -1, :] += (grad_left * self.written_NBHCV).sum(-1)
        since_NBHC = (read_NBHCV * self.carried_NBHCV).sum(-1)
        since_NBHC[..., -1] += (self.whole_NBH11 * adjoints_NBHKV * self.starts_NBHKV).sum((-1, -2))
        grad_log_NBHC = through_reach.flatten(-2) @ self.between_CE.T + since_NBHC @ self.upto_CC.T
        fill(places, (grad_c, grad_b, grad_log_NBHC.unsqueeze(-1), grad_w))
        return first_BHKV
