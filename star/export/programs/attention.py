"""Attention in the form of programs: one mask for all tokens so far, whose number is a symbol.

B batch, L new tokens, T tokens kept and new, H heads, G key heads (a divisor of H), K and V channels per head, M
routes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genome.classes.feature_groups import ROUTES
from star.cache import Store
from star.ops.rotary.rotate import rotate
from star.structures.latent import DecompressedLatent, Latent
from star.structures.low_rank import DifferentialLowRank, LowRank
from star.structures.routed.low_rank import RoutedLowRank
from star.structures.structure import Features


def seen(length: int, total: int, window: int | None, position: int | Tensor) -> Tensor:
    """Make the mask (L, T) of the earlier tokens that each new token sees.

    A window keeps a fixed number of tokens, of which those before the first token of the sequence are hidden.
    """
    query_L1, key_T = torch.arange(length).unsqueeze(1), torch.arange(total) + length - total
    seen_LT = (key_T <= query_L1) & (key_T + position >= 0)
    return seen_LT if window is None else seen_LT & (query_L1 - key_T < window)


def attention(q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, seen_xLT: Tensor) -> Tensor:
    """Compute y_BLHV in O(L T) time and memory."""
    heads = q_BLHK.shape[2]
    k_BTHK, v_BTHV = (x.repeat_interleave(heads // x.shape[2], dim=2) for x in (k_BTGK, v_BTGV))
    q_BHLK, k_BHTK, v_BHTV = (x.transpose(1, 2) for x in (q_BLHK, k_BTHK, v_BTHV))
    scores_BHLT: Tensor = (q_BHLK @ k_BHTK.mT) * q_BLHK.shape[3] ** -0.5
    weights_BHLT: Tensor = scores_BHLT.masked_fill(~seen_xLT, float("-inf")).softmax(-1)
    y_BHLV: Tensor = weights_BHLT @ v_BHTV
    return y_BHLV.transpose(1, 2)


class RecordedLowRank(LowRank):
    """`LowRank` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        return _low_rank(self, features, store)


class RecordedDifferentialLowRank(DifferentialLowRank):
    """`DifferentialLowRank` for programs, which need no padding."""

    def step(self, features: Features, store: Store) -> Tensor:
        return self._difference(_low_rank(self, features, store), features)


def _low_rank(structure: LowRank, features: Features, store: Store) -> Tensor:
    k_BTGK = store.append("b", rotate(features["b"], store.position), structure.window)
    v_BTGV = store.append("v", features["v"], structure.window)
    q_BLHK = rotate(features["c"], store.position)
    return attention(q_BLHK, k_BTGK, v_BTGV, seen(q_BLHK.shape[1], k_BTGK.shape[1], structure.window, store.position))


class RecordedLatent(Latent):
    """`Latent` for programs."""

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", self._rotated(features["b"], store.position), self.window)
        q_BLHK = self._rotated(features["c"], store.position)
        seen_LT = seen(q_BLHK.shape[1], k_BTGK.shape[1], self.window, store.position)
        return attention(q_BLHK, k_BTGK, self._latents(k_BTGK), seen_LT)


class RecordedDecompressedLatent(DecompressedLatent):
    """`DecompressedLatent` for programs: the maps of each head are absorbed, as in decoding."""

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", self._rotated(features["b"], store.position), self.window)
        to_keys_HVR, to_values_HVR = self._maps(features)
        q_BLHQ = self._rotated_queries(features["c"], store.position)
        absorbed_BLHR = torch.einsum("blhv,hvr->blhr", q_BLHQ[..., : self._size], to_keys_HVR)
        q_BLHK = torch.cat([absorbed_BLHR, q_BLHQ[..., self._size :]], dim=-1)
        q_BLHK = q_BLHK * (q_BLHK.shape[3] / q_BLHQ.shape[3]) ** 0.5  # attention divides by the root of K, not Q
        seen_LT = seen(q_BLHK.shape[1], k_BTGK.shape[1], self.window, store.position)
        read_BLHR = attention(q_BLHK, k_BTGK, self._latents(k_BTGK), seen_LT)
        return torch.einsum("blhr,hvr->blhv", read_BLHR, to_values_HVR)


class RecordedRoutedLowRank(RoutedLowRank):
    """`RoutedLowRank` for programs: every route reads, with a weight of 0 where a token does not take it."""

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", rotate(features["b"], store.position))
        v_BTGV = store.append("v", features["v"])
        r_BTM = store.append(ROUTES, features[ROUTES]).squeeze(2)
        q_BLHK = rotate(features["c"], store.position)
        length, total = q_BLHK.shape[1], k_BTGK.shape[1]
        causal_LT = seen(length, total, None, store.position)
        itself_LT = seen(length, total, 1, store.position)
        outputs: list[Tensor] = []
        for r_BT in r_BTM.unbind(2):
            r_BL = features[ROUTES][..., 0, len(outputs)]
            together_BLT = (r_BL > 0).unsqueeze(2) & (r_BT > 0).unsqueeze(1) & causal_LT
            seen_B1LT = (together_BLT | itself_LT).unsqueeze(1)
            y_BLHV = attention(q_BLHK, k_BTGK, v_BTGV, seen_B1LT)
            outputs.append(r_BL[..., None, None] * y_BLHV)
        return torch.stack(outputs).sum(0)
