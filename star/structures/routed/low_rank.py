"""T_ij = sum_m r_im softmax_j(q_i . k_j / sqrt K) over the tokens j <= i that take route m as well.

Attention within clusters (Routing Transformer, Roy et al. 2021): queries and keys are rotated by their positions in the
sequence and then routed. With a single gated route it is attention among the tokens that the gate passes (SeqBoat, Ren
et al. 2023). Keys and values are kept once for all clusters, together with the routes.

B batch, L new tokens, T tokens so far, H heads, G key heads (a divisor of H), K key and V value channels per head,
M routes.
"""

import torch
from torch import Tensor

from genome.classes.feature_groups import ROUTES
from genome.classes.quantities import ROUTE_CHOICES, RouteChoice
from star.cache import Store
from star.ops.attention import naive
from star.ops.attention.matrix import routed_attention_matrix
from star.ops.attention.routed import masked_attention, packed_attention
from star.ops.dispatch import rotate
from star.structures.structure import Features, Structure


class RoutedLowRank(Structure):
    """The groups are c (queries), b (keys), v (values) and r (routes); a token weights its routes when it reads."""

    per_token = ("c", "b", "v", ROUTES)

    @property
    def choice(self) -> RouteChoice:
        """The numbers of routes that a token takes."""
        return ROUTE_CHOICES[self.featurizer[ROUTES].generator]

    def pairs_on(self, device: torch.device) -> bool:
        return False

    def exactly_causal(self, length: int) -> bool:
        return False

    def mix(self, features: Features) -> Tensor:
        return naive.routed_attention(*self._queries_keys(features), self.values(features), features[ROUTES])

    def fast(self, features: Features) -> Tensor:
        q_BLHK, k_BLGK = rotate(features["c"]), rotate(features["b"])
        return packed_attention(q_BLHK, k_BLGK, features["v"], features[ROUTES], self.choice.shared)

    def step(self, features: Features, store: Store) -> Tensor:
        q_BLHK = rotate(features["c"], store.places)
        k_BTGK = store.append("b", rotate(features["b"], store.places))
        v_BTGV = store.append("v", features["v"])
        r_BT1M = store.append(ROUTES, features[ROUTES])
        if q_BLHK.shape[1] == k_BTGK.shape[1] > 1:
            return packed_attention(q_BLHK, k_BTGK, v_BTGV, features[ROUTES], self.choice.shared)
        return masked_attention(q_BLHK, k_BTGK, v_BTGV, r_BT1M, self.choice.total)

    def matrix(self, features: Features) -> Tensor:
        return routed_attention_matrix(*self._queries_keys(features), features[ROUTES])

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {name: (tokens, *self.head_sizes[name]) for name in ("b", "v", ROUTES)}

    def flops(self, context: int) -> int:
        """Count attention in equally full clusters, and the weighting of the routes."""
        routes = self.head_sizes[ROUTES].size - self.choice.shared
        seen = self.choice.chosen * -(-context * self.choice.chosen // routes) + self.choice.shared * context
        return (
            2 * seen * self.heads * (self.head_sizes["b"].size + self.head_sizes["v"].size)
            + 2 * self.choice.total * self.channels
        )

    def _queries_keys(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the rotated q_BLHK and k_BLHK, with a key head for each query head."""
        return rotate(features["c"]), self.per_head(rotate(features["b"]))
