"""T_ij = softmax_j(q_i . k_j / sqrt K), j <= i: attention (Vaswani et al. 2017) on rotated queries and keys.

In a banded operator a token sees itself and the tokens before it, at most `window` tokens in all (sliding-window
attention, Beltagy et al. 2020).

B batch, L new tokens, T tokens so far, H heads, G key heads (a divisor of H), K key and V value channels per head.
"""

from torch import Tensor

from star.cache import Store
from star.ops.attention import naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix
from star.ops.rotary import rotate
from star.structures.structure import Features, Structure


class LowRank(Structure):
    """The groups are c (queries), b (keys) and v (values); keys and values may have fewer heads than queries."""

    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        return naive.attention(*self._queries_keys(features), self.values(features), self.window)

    def fast(self, features: Features) -> Tensor:
        return causal_attention(rotate(features["c"]), rotate(features["b"]), features["v"], self.window)

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", rotate(features["b"], store.position), self.window)
        v_BTGV = store.append("v", features["v"], self.window)
        return attention(rotate(features["c"], store.position), k_BTGK, v_BTGV, self.window)

    def matrix(self, features: Features) -> Tensor:
        return attention_matrix(*self._queries_keys(features), self.window)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        kept = tokens if self.window is None else min(tokens, self.window)
        return {name: (kept, *self.head_sizes[name]) for name in ("b", "v")}

    def flops(self, context: int) -> int:
        seen = context if self.window is None else min(context, self.window)
        return 2 * seen * self.heads * (self.head_sizes["b"].size + self.head_sizes["v"].size)

    def _queries_keys(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the rotated q_BLHK and k_BLHK, with a key head for each query head."""
        return rotate(features["c"]), self.per_head(rotate(features["b"]))
