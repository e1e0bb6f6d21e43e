"""T_ij = softmax_j(q_i . k_j / sqrt K) with values that are part of the keys: multi-head latent attention.

DeepSeek-AI 2024 (DeepSeek-V2, arXiv 2405.04434), section 2.1, in its absorbed form: the maps that would decompress the
latent into the keys and the values of a head are folded into the queries and into the output projection. All heads
therefore attend to one key, the latent followed by a rotated part, and read the latent. Only the part after the latent
is rotated ("decoupled rotary position", section 2.1.3). The cache holds R + P numbers per token, once for all heads.

B batch, L new tokens, T tokens so far, H heads, R channels of the latent, P rotated channels, K = R + P channels.
"""

import torch
from torch import Tensor

from star.cache import Store
from star.ops.attention import naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix
from star.ops.rotary import rotate
from star.structures.structure import Features, Structure


class Latent(Structure):
    """The groups are c_BLHK (absorbed queries) and b_BL1K (latent and rotated part); v is the latent in b.

    The fast forms weight whole keys and discard the rotated part of the result. PyTorch's fused attention is faster if
    values have as many channels as keys, and no copy of the latent is needed.
    """

    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        return naive.attention(*self._queries_keys(features), self.values(features), self.window)

    def fast(self, features: Features) -> Tensor:
        k_BL1K = self._rotated(features["b"])
        return self._latents(causal_attention(self._rotated(features["c"]), k_BL1K, k_BL1K, self.window))

    def step(self, features: Features, store: Store) -> Tensor:
        k_BT1K = store.append("b", self._rotated(features["b"], store.position), self.window)
        return self._latents(attention(self._rotated(features["c"], store.position), k_BT1K, k_BT1K, self.window))

    def matrix(self, features: Features) -> Tensor:
        return attention_matrix(*self._queries_keys(features), self.window)

    def values(self, features: Features) -> Tensor:
        return self.per_head(self._latents(features["b"]))

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"b": (tokens if self.window is None else min(tokens, self.window), *self.head_sizes["b"])}

    def flops(self, context: int) -> int:
        seen = context if self.window is None else min(context, self.window)
        return 2 * seen * self.heads * (self.head_sizes["b"].size + self.head_sizes["v"].size)

    def _queries_keys(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the rotated q_BLHK and k_BLHK, with a key head for each query head."""
        return self._rotated(features["c"]), self.per_head(self._rotated(features["b"]))

    def _rotated(self, x_BLHK: Tensor, position: int = 0) -> Tensor:
        """Rotate the last P channels of queries or keys; the first token stands at `position`."""
        latent = self.head_sizes["v"].size
        return torch.cat([x_BLHK[..., :latent], rotate(x_BLHK[..., latent:], position)], dim=-1)

    def _latents(self, x_BLHK: Tensor) -> Tensor:
        return x_BLHK[..., : self.head_sizes["v"].size]
