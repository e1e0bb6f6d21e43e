"""T_ij = softmax_j(q_i . k_j / sqrt K), j <= i: attention (Vaswani et al. 2017) on rotated queries and keys.

B batch, L new tokens, T tokens so far, H heads, G key heads (H / repeat), K key and V value channels per head.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from genome.alphabet import TokenMixing
from star.cache import Store
from star.rotary import rotate
from star.structures.structure import Features, Structure


class LowRank(Structure):
    """The groups are c (queries), b (keys) and v (values); keys and values may have fewer heads."""

    digit = TokenMixing.LOW_RANK
    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, v_BLHV = self._rotated(features)
        scale = q_BLHK.shape[-1] ** -0.5
        outputs = []
        for i in range(q_BLHK.shape[1]):
            scores_BHT = torch.einsum("bhk,bthk->bht", q_BLHK[:, i], k_BLHK[:, : i + 1]) * scale
            outputs.append(torch.einsum("bht,bthv->bhv", scores_BHT.softmax(-1), v_BLHV[:, : i + 1]))
        return torch.stack(outputs, dim=1)

    def fast(self, features: Features) -> Tensor:
        q_BLHK, k_BLGK, v_BLGV = rotate(features["c"]), rotate(features["b"]), features["v"]
        return self._attend(q_BLHK, k_BLGK, v_BLGV)

    def step(self, features: Features, store: Store) -> Tensor:
        q_BLHK = rotate(features["c"], store.position)
        k_BTGK = store.append("b", rotate(features["b"], store.position))
        v_BTGV = store.append("v", features["v"])
        return self._attend(q_BLHK, k_BTGK, v_BTGV)

    def matrix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, _ = self._rotated(features)
        length = q_BLHK.shape[1]
        scores_BHLL = torch.einsum("bihk,bjhk->bhij", q_BLHK, k_BLHK) * q_BLHK.shape[-1] ** -0.5
        future = torch.ones(length, length, dtype=torch.bool, device=q_BLHK.device).triu(1)
        return torch.softmax(scores_BHLL.masked_fill(future, float("-inf")), dim=-1)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {name: (tokens, *self.extents[name]) for name in ("b", "v")}

    def flops(self, context: int) -> int:
        return 2 * context * self.heads * (self.extents["b"].size + self.extents["v"].size)

    def _rotated(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values with one key and value head for each query head."""
        k_BLGK, v_BLGV = rotate(features["b"]), features["v"]
        k_BLHK = k_BLGK.repeat_interleave(self.heads // k_BLGK.shape[2], dim=2)
        v_BLHV = v_BLGV.repeat_interleave(self.heads // v_BLGV.shape[2], dim=2)
        return rotate(features["c"]), k_BLHK, v_BLHV

    def _attend(self, q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor) -> Tensor:
        """The new queries are the last L of the T tokens that keys and values cover."""
        length, total = q_BLHK.shape[1], k_BTGK.shape[1]
        mask = None
        if 1 < length < total:
            mask = torch.ones(length, total, dtype=torch.bool, device=q_BLHK.device).tril(total - length)
        y_BHLV = F.scaled_dot_product_attention(
            q_BLHK.transpose(1, 2),
            k_BTGK.transpose(1, 2),
            v_BTGV.transpose(1, 2),
            attn_mask=mask,
            is_causal=length == total,
            enable_gqa=k_BTGK.shape[2] != q_BLHK.shape[2],
        )
        return y_BHLV.transpose(1, 2)
