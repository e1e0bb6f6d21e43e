"""T_ij = softmax_j(q_i . k_j / sqrt K) with values that are part of the keys: multi-head latent attention.

DeepSeek-AI 2024 (DeepSeek-V2, arXiv 2405.04434), section 2.1, in its absorbed form: the maps that would decompress the
latent into the keys and the values of a head are folded into the queries and into the output projection. All heads
therefore attend to one key, the latent followed by a rotated part, and read the latent. Only the part after the latent
is rotated ("decoupled rotary position", section 2.1.3). The cache holds R + P numbers per token, once for all heads.

`DecompressedLatent` has these maps as weights, W_k and W_v. It decompresses the latent for training, where keys of a
head are shorter than the latent, and absorbs the maps while decoding.

B batch, L new tokens, T tokens so far, H heads, G latents (a divisor of H), R channels of the latent, P rotated
channels, K = R + P channels, N heads that share a latent, V value channels per head and key channels beside the rotated
ones, Q = V + P channels of a query.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from genome.classes.feature_groups import DECOMPRESSION
from star.cache import Store
from star.ops.attention import naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix
from star.ops.dispatch import rotate
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
        k_BT1K = store.append("b", self._rotated(features["b"], store.places), self.window)
        q_BLHK = self._rotated(features["c"], store.places)
        present_BT = store.present(k_BT1K, q_BLHK.shape[1])
        return self._latents(attention(q_BLHK, k_BT1K, k_BT1K, self.window, present_BT))

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

    def _rotated(self, x_BLHK: Tensor, position: int | Tensor = 0) -> Tensor:
        """Rotate the last P channels of queries or keys; the first token stands at `position`."""
        latent = self.head_sizes["v"].size
        return torch.cat([x_BLHK[..., :latent], rotate(x_BLHK[..., latent:], position)], dim=-1)

    def _latents(self, x_BLHK: Tensor) -> Tensor:
        return x_BLHK[..., : self.head_sizes["v"].size]


class DecompressedLatent(Latent):
    """The groups are those of `Latent`, with queries c_BLHQ, and the maps u to the keys and the values of each head."""

    @property
    def groups(self) -> tuple[str, ...]:
        return (*super().groups, DECOMPRESSION)

    @property
    def channels(self) -> int:
        return self.heads * self._size

    @property
    def _size(self) -> int:
        """V, from the 2 V R weights of a head."""
        return self.head_sizes[DECOMPRESSION].size // (2 * self.head_sizes["v"].size)

    def fast(self, features: Features) -> Tensor:
        """Compute y_BLHV; values are as long as keys, with zeros, which PyTorch's fused attention asks for."""
        q_BLHQ, k_BLHQ = self._queries_keys(features)
        v_BLHQ = F.pad(self.values(features), (0, q_BLHQ.shape[3] - self._size))
        return causal_attention(q_BLHQ, k_BLHQ, v_BLHQ, self.window)[..., : self._size]

    def step(self, features: Features, store: Store) -> Tensor:
        """Compute y_BLHV from the latents l: q . W_k l = W_k^T q . l, and sum_j T_j W_v l_j = W_v sum_j T_j l_j."""
        k_BTGK = store.append("b", self._rotated(features["b"], store.places), self.window)
        to_keys_HVR, to_values_HVR = self._maps(features)
        q_BLHQ = self._rotated_queries(features["c"], store.places)
        absorbed_BLHR = torch.einsum("blhv,hvr->blhr", q_BLHQ[..., : self._size], to_keys_HVR)
        q_BLHK = torch.cat([absorbed_BLHR, q_BLHQ[..., self._size :]], dim=-1)
        q_BLHK = q_BLHK * (q_BLHK.shape[3] / q_BLHQ.shape[3]) ** 0.5  # attention divides by the root of K, not Q
        present_BT = store.present(k_BTGK, q_BLHK.shape[1])
        read_BLHR = self._latents(attention(q_BLHK, k_BTGK, k_BTGK, self.window, present_BT))
        return torch.einsum("blhr,hvr->blhv", read_BLHR, to_values_HVR)

    def values(self, features: Features) -> Tensor:
        return self._of_heads(self._latents(features["b"]), self._maps(features)[1])

    def flops(self, context: int) -> int:
        return super().flops(context) + 2 * self.heads * self.head_sizes[DECOMPRESSION].size

    def _queries_keys(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return q_BLHQ and k_BLHQ; all heads of a latent have its rotated channels."""
        b_BLGK = self._rotated(features["b"])
        k_BLHV = self._of_heads(self._latents(b_BLGK), self._maps(features)[0])
        k_BLHP = self.per_head(b_BLGK[..., self.head_sizes["v"].size :])
        return self._rotated_queries(features["c"]), torch.cat([k_BLHV, k_BLHP], dim=-1)

    def _rotated_queries(self, c_BLHQ: Tensor, position: int | Tensor = 0) -> Tensor:
        return torch.cat([c_BLHQ[..., : self._size], rotate(c_BLHQ[..., self._size :], position)], dim=-1)

    def _maps(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return W_k and W_v, each (H, V, R)."""
        to_keys_HVR, to_values_HVR = torch.unflatten(features[DECOMPRESSION], 1, (2, self._size, -1)).unbind(1)
        return to_keys_HVR, to_values_HVR

    def _of_heads(self, l_BLGR: Tensor, map_HVR: Tensor) -> Tensor:
        """Map each latent to the V channels of the heads that share it: (B, L, H, V)."""
        map_GNVR = torch.unflatten(map_HVR, 0, (l_BLGR.shape[2], -1))
        return torch.einsum("blgr,gnvr->blgnv", l_BLGR, map_GNVR).flatten(2, 3)
