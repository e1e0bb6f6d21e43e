"""T_ij = softmax_j(q_i . k_j / sqrt K), j <= i: attention (Vaswani et al. 2017) on rotated queries and keys.

In a banded operator a token sees itself and the tokens before it, at most `window` tokens in all (sliding-window
attention, Beltagy et al. 2020).

B batch, L new tokens, T tokens so far, H heads, G key heads (a divisor of H), K key and V value channels per head, P
pairs of heads, N operators side by side, D model width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from genome.classes.feature_groups import BALANCE
from star.cache import Store
from star.ops.attention import naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix
from star.ops.dispatch import rotate
from star.structures.structure import Features, Structure


class LowRank(Structure):
    """The groups are c (queries), b (keys) and v (values); keys and values may have fewer heads than queries."""

    per_token = ("c", "b", "v")

    def mix(self, features: Features) -> Tensor:
        return naive.attention(*self._queries_keys(features), self.values(features), self.window)

    def fast(self, features: Features) -> Tensor:
        return causal_attention(rotate(features["c"]), rotate(features["b"]), features["v"], self.window)

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", rotate(features["b"], store.places), self.window)
        v_BTGV = store.append("v", features["v"], self.window)
        q_BLHK = rotate(features["c"], store.places)
        return attention(q_BLHK, k_BTGK, v_BTGV, self.window, store.present(k_BTGK, q_BLHK.shape[1]))

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


class DifferentialLowRank(LowRank):
    """T = A_1 - lambda A_2 of the softmaxes A of every two heads, which read the same values with the channels of both.

    Ye et al. 2024 (Differential Transformer, arXiv 2410.05258, equation 1). The group l_N2 holds lambda and the factor
    of the output, which multiplies it after the normalisation.
    """

    @property
    def groups(self) -> tuple[str, ...]:
        return (*super().groups, BALANCE)

    @property
    def channels(self) -> int:
        return self.heads * self.head_sizes["c"].size

    def mix(self, features: Features) -> Tensor:
        v_BLHV = self.per_head(features["v"])
        return self._difference(naive.attention(*self._queries_keys(features), v_BLHV, self.window), features)

    def fast(self, features: Features) -> Tensor:
        q_BLHV, k_BLGV, v_BLGV = self._padded(rotate(features["c"]), rotate(features["b"]), features["v"])
        return self._difference(causal_attention(q_BLHV, k_BLGV, v_BLGV, self.window), features)

    def step(self, features: Features, store: Store) -> Tensor:
        k_BTGK = store.append("b", rotate(features["b"], store.places), self.window)
        v_BTPV = store.append("v", features["v"], self.window)
        q_BLHV, k_BTGV, v_BTGV = self._padded(rotate(features["c"], store.places), k_BTGK, v_BTPV)
        present_BT = store.present(k_BTGV, q_BLHV.shape[1])
        return self._difference(attention(q_BLHV, k_BTGV, v_BTGV, self.window, present_BT), features)

    def matrix(self, features: Features) -> Tensor:
        first_BPLL, second_BPLL = torch.unflatten(super().matrix(features), 1, (-1, 2)).unbind(2)
        return first_BPLL - self._balance(features).view(-1, 1, 1) * second_BPLL

    def values(self, features: Features) -> Tensor:
        v_BLGV = features["v"]
        return v_BLGV.repeat_interleave(self.heads // 2 // v_BLGV.shape[2], dim=2)

    def project(self, y_BLHV: Tensor, features: Features, out: Tensor) -> Tensor:
        scale_P1 = _per_pair(features[BALANCE][:, 1], y_BLHV.shape[2])
        return super().project(y_BLHV * scale_P1.to(y_BLHV.dtype), features, out)

    def _padded(self, q_BLHK: Tensor, k_BTGK: Tensor, v_BTPV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries and keys with zeros up to V channels, and values for each key head.

        PyTorch's fused attention asks for these sizes. It divides by the root of V, so queries are multiplied.
        """
        size, wide = q_BLHK.shape[3], v_BTPV.shape[3]
        v_BTGV = v_BTPV.repeat_interleave(k_BTGK.shape[2] // v_BTPV.shape[2], dim=2)
        return F.pad(q_BLHK * (wide / size) ** 0.5, (0, wide - size)), F.pad(k_BTGK, (0, wide - size)), v_BTGV

    def _difference(self, y_BLHV: Tensor, features: Features) -> Tensor:
        first_BLPV, second_BLPV = torch.unflatten(y_BLHV, 2, (-1, 2)).unbind(3)
        return first_BLPV - self._balance(features).to(y_BLHV.dtype) * second_BLPV

    def _balance(self, features: Features) -> Tensor:
        return _per_pair(features[BALANCE][:, 0], self.heads // 2)


def _per_pair(factor_N: Tensor, pairs: int) -> Tensor:
    """Return the factor of each pair of heads, (P, 1)."""
    return factor_N.repeat_interleave(pairs // len(factor_N)).unsqueeze(1)
