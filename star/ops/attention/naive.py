"""The meaning of softmax attention, one token after the other.

y_i = sum_j softmax_j(q_i . k_j / sqrt K) v_j, where j runs over the tokens that token i sees (Vaswani et al. 2017).

B batch, L tokens, H heads, K query and key channels and V value channels per head, M routes, T tokens seen.
"""

import torch
from torch import Tensor


def attention(q_BLHK: Tensor, k_BLHK: Tensor, v_BLHV: Tensor, window: int | None = None) -> Tensor:
    """Compute y_BLHV; a token sees itself and earlier tokens, at most `window` tokens in all if it is given."""
    outputs = []
    for i in range(q_BLHK.shape[1]):
        seen = slice(0 if window is None else max(0, i + 1 - window), i + 1)
        scores_BHT = torch.einsum("bhk,bthk->bht", q_BLHK[:, i], k_BLHK[:, seen]) * q_BLHK.shape[-1] ** -0.5
        outputs.append(torch.einsum("bht,bthv->bhv", scores_BHT.softmax(-1), v_BLHV[:, seen]))
    return torch.stack(outputs, dim=1)


def routed_attention(q_BLHK: Tensor, k_BLHK: Tensor, v_BLHV: Tensor, r_BL1M: Tensor) -> Tensor:
    """Compute y_BLHV; on each route that a token takes, it sees the tokens up to itself that take this route as well.

    The results of its routes are summed, weighted by r; a token takes the routes whose weight is above 0.
    """
    r_BLM = r_BL1M.squeeze(2)
    y_BLHV = [[v_HV * 0 for v_HV in v_LHV] for v_LHV in v_BLHV]
    for b, i, m in (r_BLM > 0).nonzero().tolist():
        seen = (r_BLM[b, : i + 1, m] > 0).nonzero().squeeze(1)
        scores_HT = torch.einsum("hk,thk->ht", q_BLHK[b, i], k_BLHK[b, seen]) * q_BLHK.shape[-1] ** -0.5
        y_HV = torch.einsum("ht,thv->hv", scores_HT.softmax(-1), v_BLHV[b, seen])
        y_BLHV[b][i] = y_BLHV[b][i] + r_BLM[b, i, m] * y_HV
    return torch.stack([torch.stack(y_LHV) for y_LHV in y_BLHV])
