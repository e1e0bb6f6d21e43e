"""The matrix T of attention, y = T v, for analysis and tests.

B batch, L tokens, H heads, K channels per head, M routes.
"""

import torch
from torch import Tensor

from star.ops.attention.masks import causal_mask, with_diagonal


def attention_matrix(q_BLHK: Tensor, k_BLHK: Tensor, window: int | None = None) -> Tensor:
    """Compute T, (B, H, L, L): the softmax of the scores over the tokens that each token sees."""
    length = q_BLHK.shape[1]
    seen_LL = causal_mask(length, length, window, q_BLHK.device)
    return torch.softmax(_scores(q_BLHK, k_BLHK).masked_fill(~seen_LL, float("-inf")), dim=-1)


def routed_attention_matrix(q_BLHK: Tensor, k_BLHK: Tensor, r_BL1M: Tensor) -> Tensor:
    """Compute T, (B, H, L, L): the sum over routes, each times the weight that the reading token gives to the route."""
    scores_BHLL = _scores(q_BLHK, k_BLHK)
    t_BHLL = torch.zeros_like(scores_BHLL)
    for r_BL in r_BL1M.squeeze(2).unbind(2):
        takes_BL = r_BL > 0
        seen_BLL = with_diagonal((takes_BL.unsqueeze(2) & takes_BL.unsqueeze(1)).tril())
        weights_BHLL = scores_BHLL.masked_fill(~seen_BLL.unsqueeze(1), float("-inf")).softmax(-1)
        t_BHLL = t_BHLL + torch.where(takes_BL, r_BL, 0)[:, None, :, None] * weights_BHLL
    return t_BHLL


def _scores(q_BLHK: Tensor, k_BLHK: Tensor) -> Tensor:
    scores_BHLL: Tensor = torch.einsum("bihk,bjhk->bhij", q_BLHK, k_BLHK) * q_BLHK.shape[-1] ** -0.5
    return scores_BHLL
