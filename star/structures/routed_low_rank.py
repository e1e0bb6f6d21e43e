"""T_ij = sum_m r_im softmax_j(q_i . k_j / sqrt K) over the earlier tokens j that meet m as well, i itself included.

Attention within clusters (Routing Transformer, Roy et al. 2021): queries and keys are rotated by their real positions
and then routed. With one route that a gate opens it is attention among the tokens that the gate lets through (SeqBoat,
Ren et al. 2023). Keys and values are kept once, however many clusters there are, together with the routes.

B batch, L new tokens, T tokens so far, H heads, G key heads (H / repeat), K key and V value channels per head,
M routes, S slots (routes a token meets), X = B M clusters side by side, P tokens of the fullest.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import CHOICES, ROUTES, Sparsity
from star.cache import Store
from star.ops.rotary import rotate
from star.ops.routing import Packing, slots
from star.structures.low_rank import LowRank
from star.structures.structure import Features, Structure


class RoutedLowRank(Structure):
    """The groups are c (queries), b (keys), v (values) and r (routes); the weight is the reader's."""

    per_token = (*LowRank.per_token, ROUTES)

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, extents: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, extents, window)
        self.base = LowRank(replace(operator, sparsity=Sparsity.NONE), featurizer, extents, window)
        self.choice = CHOICES[featurizer[ROUTES].generator]

    def exactly_causal(self, length: int) -> bool:
        return False

    def mix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, v_BLHV = self.base.per_head(features)
        scale = q_BLHK.shape[-1] ** -0.5
        y_BLHV = [[v_HV * 0 for v_HV in v_LHV] for v_LHV in v_BLHV]
        for b, i, m in (features[ROUTES].squeeze(2) > 0).nonzero().tolist():
            seen = (features[ROUTES][b, : i + 1, 0, m] > 0).nonzero().squeeze(1)
            scores_HT = torch.einsum("hk,thk->ht", q_BLHK[b, i], k_BLHK[b, seen]) * scale
            y_HV = torch.einsum("ht,thv->hv", scores_HT.softmax(-1), v_BLHV[b, seen])
            y_BLHV[b][i] = y_BLHV[b][i] + features[ROUTES][b, i, 0, m] * y_HV
        return torch.stack([torch.stack(y_LHV) for y_LHV in y_BLHV])

    def fast(self, features: Features) -> Tensor:
        return self._packed(rotate(features["c"]), rotate(features["b"]), features["v"], features[ROUTES])

    def step(self, features: Features, store: Store) -> Tensor:
        q_BLHK = rotate(features["c"], store.position)
        k_BTGK = store.append("b", rotate(features["b"], store.position))
        v_BTGV = store.append("v", features["v"])
        r_BT1M = store.append(ROUTES, features[ROUTES])
        if q_BLHK.shape[1] == k_BTGK.shape[1] > 1:
            return self._packed(q_BLHK, k_BTGK, v_BTGV, features[ROUTES])
        return self._masked(q_BLHK, k_BTGK, v_BTGV, r_BT1M)

    def matrix(self, features: Features) -> Tensor:
        q_BLHK, k_BLHK, _ = self.base.per_head(features)
        scores_BHLL = torch.einsum("bihk,bjhk->bhij", q_BLHK, k_BLHK) * q_BLHK.shape[-1] ** -0.5
        t_BHLL = torch.zeros_like(scores_BHLL)
        for r_BL in features[ROUTES].squeeze(2).unbind(2):
            met_BL = r_BL > 0
            seen_BLL = _itself_at_least((met_BL.unsqueeze(2) & met_BL.unsqueeze(1)).tril())
            weights_BHLL = scores_BHLL.masked_fill(~seen_BLL.unsqueeze(1), float("-inf")).softmax(-1)
            t_BHLL = t_BHLL + torch.where(met_BL, r_BL, 0)[:, None, :, None] * weights_BHLL
        return t_BHLL

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {name: (tokens, *self.extents[name]) for name in ("b", "v", ROUTES)}

    def flops(self, context: int) -> int:
        """Of clusters that are even, and the weighting."""
        routes = self.extents[ROUTES].size - self.choice.shared
        seen = -(-context * self.choice.chosen // routes)
        met = self.choice.chosen * self.base.flops(seen) + self.choice.shared * self.base.flops(context)
        return met + 2 * self.choice.met * self.channels

    def _packed(self, q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, r_BL1M: Tensor) -> Tensor:
        """Causal attention in each cluster, all side by side; behind its tokens stands what no earlier one can see."""
        sizes = [r_BL1M.shape[3] - self.choice.shared, self.choice.shared][: 1 + self.choice.shared]
        outputs = []
        for packing in map(Packing, torch.split(r_BL1M, sizes, dim=3)):
            q_XHPK, k_XGPK, v_XGPV = (packing.pack(x).transpose(1, 2) for x in (q_BLHK, k_BLGK, v_BLGV))
            grouped = k_BLGK.shape[2] != q_BLHK.shape[2]
            y_XHPV = F.scaled_dot_product_attention(q_XHPK, k_XGPK, v_XGPV, is_causal=True, enable_gqa=grouped)
            outputs.append(packing.unpack(y_XHPV.transpose(1, 2), q_BLHK.shape[1]))
        return torch.stack(outputs).sum(0)

    def _masked(self, q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, r_BT1M: Tensor) -> Tensor:
        """The last L of T tokens, one query for every slot they fill; only routes that are met are looked at."""
        batch, length = q_BLHK.shape[:2]
        chosen_BLS, weight_BLS = slots(r_BT1M[:, -length:], self.choice.met)
        met_BTM = r_BT1M.squeeze(2) > 0
        chosen_BSL = chosen_BLS.transpose(1, 2)
        met_BSLT = met_BTM.mT.gather(1, chosen_BSL.flatten(1).unsqueeze(2).expand(-1, -1, met_BTM.shape[1]))
        seen_BSLT = _itself_at_least(met_BSLT.view(*chosen_BSL.shape, -1).tril(met_BTM.shape[1] - length))
        count = self.choice.met
        y_BHSV = F.scaled_dot_product_attention(
            q_BLHK.transpose(1, 2).repeat(1, 1, count, 1),
            k_BTGK.transpose(1, 2),
            v_BTGV.transpose(1, 2),
            attn_mask=seen_BSLT.flatten(1, 2).unsqueeze(1),
            enable_gqa=k_BTGK.shape[2] != q_BLHK.shape[2],
        )
        y_BLSHV = y_BHSV.view(batch, self.heads, count, length, -1).permute(0, 3, 2, 1, 4)
        return (weight_BLS[..., None, None].to(y_BLSHV.dtype) * y_BLSHV).sum(2)


def _itself_at_least(seen_LT: Tensor) -> Tensor:
    """A softmax over nothing is no number: who sees nothing sees itself, and weighs nothing."""
    length, total = seen_LT.shape[-2:]
    eye_LT = (
        torch.ones(length, total, dtype=torch.bool, device=seen_LT.device).triu(total - length).tril(total - length)
    )
    return seen_LT | eye_LT
