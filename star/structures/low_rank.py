"""T_ij = softmax_j(q_i . k_j / sqrt K), j <= i: attention (Vaswani et al. 2017) on rotated queries and keys.

Banded, a token sees the last W tokens, its own included (sliding-window attention, Beltagy et al. 2020).

B batch, L new tokens, T tokens so far, H heads, G key heads (H / repeat), K key and V value channels per head,
W window, N blocks of W tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.cache import Store
from star.ops.rotary import rotate
from star.structures.structure import Features, Structure


class LowRank(Structure):
    """The groups are c (queries), b (keys) and v (values); keys and values may have fewer heads."""

    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, v_BLHV = self.per_head(features)
        scale = q_BLHK.shape[-1] ** -0.5
        outputs = []
        for i in range(q_BLHK.shape[1]):
            seen = slice(0 if self.window is None else max(0, i + 1 - self.window), i + 1)
            scores_BHT = torch.einsum("bhk,bthk->bht", q_BLHK[:, i], k_BLHK[:, seen]) * scale
            outputs.append(torch.einsum("bht,bthv->bhv", scores_BHT.softmax(-1), v_BLHV[:, seen]))
        return torch.stack(outputs, dim=1)

    def fast(self, features: Features) -> Tensor:
        q_BLHK, k_BLGK = self.rotated(features["c"]), self.rotated(features["b"])
        v_BLGV = self.read(k_BLGK, features)
        if self.window is None or q_BLHK.shape[1] <= self.window:
            return _attend(q_BLHK, k_BLGK, v_BLGV)
        return _attend_in_blocks(q_BLHK, k_BLGK, v_BLGV, self.window)

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK, v_BTGV = self.kept(features, store)
        return _attend(self.rotated(features["c"], store.position), k_BTGK, v_BTGV, self.window)

    def matrix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, _ = self.per_head(features)
        length = q_BLHK.shape[1]
        scores_BHLL = torch.einsum("bihk,bjhk->bhij", q_BLHK, k_BLHK) * q_BLHK.shape[-1] ** -0.5
        seen_LL = _band(length, length, self.window, q_BLHK)
        return torch.softmax(scores_BHLL.masked_fill(~seen_LL, float("-inf")), dim=-1)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        kept = tokens if self.window is None else min(tokens, self.window)
        return {name: (kept, *self.extents[name]) for name in ("b", "v")}

    def flops(self, context: int) -> int:
        seen = context if self.window is None else min(context, self.window)
        return 2 * seen * self.heads * (self.extents["b"].size + self.extents["v"].size)

    def rotated(self, x_BLHK: Tensor, position: int = 0) -> Tensor:
        """Queries or keys turned by their positions, which begin here."""
        return rotate(x_BLHK, position)

    def read(self, k_BLGK: Tensor, features: Features) -> Tensor:
        """What the weights of these rotated keys are put on, v_BLGV."""
        return features["v"]

    def kept(self, features: Features, store: Store) -> tuple[Tensor, Tensor]:
        """Keys and values of all tokens so far."""
        k_BTGK = store.append("b", self.rotated(features["b"], store.position), self.window)
        return k_BTGK, store.append("v", features["v"], self.window)

    def per_head(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values with one key and value head for each query head."""
        k_BLGK = self.rotated(features["b"])
        k_BLHK = k_BLGK.repeat_interleave(self.heads // k_BLGK.shape[2], dim=2)
        return self.rotated(features["c"]), k_BLHK, self.values(features)


def _attend(q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, window: int | None = None) -> Tensor:
    """The new queries are the last L of the T tokens that keys and values cover."""
    length, total = q_BLHK.shape[1], k_BTGK.shape[1]
    banded = window is not None and total > window
    mask = _band(length, total, window, q_BLHK) if banded or 1 < length < total else None
    y_BHLV = F.scaled_dot_product_attention(
        q_BLHK.transpose(1, 2),
        k_BTGK.transpose(1, 2),
        v_BTGV.transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None and length == total,
        enable_gqa=k_BTGK.shape[2] != q_BLHK.shape[2],
    )
    return y_BHLV.transpose(1, 2)


def _attend_in_blocks(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, window: int) -> Tensor:
    """A block of W queries needs its own W keys and those of the block before: O(L W) time and memory."""
    batch, length = q_BLHK.shape[:2]
    q_BNWHK, k_BNWGK, v_BNWGV = (_blocks(x, window) for x in (q_BLHK, k_BLGK, v_BLGV))
    k_BNTGK, v_BNTGV = (torch.cat([F.pad(x[:, :-1], (0,) * 6 + (1, 0)), x], dim=2) for x in (k_BNWGK, v_BNWGV))
    seen_WT = _band(window, 2 * window, window, q_BLHK)
    seen_N1WT = seen_WT.repeat(q_BNWHK.shape[1], 1, 1, 1)
    seen_N1WT[0, :, :, :window] = False  # before the first block there is only padding
    y_MHWV = F.scaled_dot_product_attention(
        q_BNWHK.flatten(0, 1).transpose(1, 2),
        k_BNTGK.flatten(0, 1).transpose(1, 2),
        v_BNTGV.flatten(0, 1).transpose(1, 2),
        attn_mask=seen_N1WT.repeat(batch, 1, 1, 1),
        enable_gqa=k_BLGK.shape[2] != q_BLHK.shape[2],
    )
    return torch.unflatten(y_MHWV.transpose(1, 2), 0, (batch, -1)).flatten(1, 2)[:, :length]


def _blocks(x_BLHK: Tensor, window: int) -> Tensor:
    return torch.unflatten(F.pad(x_BLHK, (0, 0, 0, 0, 0, -x_BLHK.shape[1] % window)), 1, (-1, window))


def _band(length: int, total: int, window: int | None, like: Tensor) -> Tensor:
    """(L, T), true where the last L of T tokens may look: not ahead, and no further back than the window."""
    seen_LT = torch.ones(length, total, dtype=torch.bool, device=like.device).tril(total - length)
    return seen_LT if window is None else seen_LT.triu(total - length + 1 - window)
