"""Attention within routes: packed for whole sequences, masked for the last tokens of a longer one.

B batch, L queries, T keys and values, H query heads, G key heads (a divisor of H), K and V channels per head,
M routes, S slots (routes a token takes at most), X = B M routes side by side in the batch, P tokens of the fullest
route.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.attention.heads import key_heads
from star.ops.attention.masks import with_diagonal
from star.ops.routing import Packing, slots


def packed_attention(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, r_BL1M: Tensor, shared: int = 0) -> Tensor:
    """Compute y_BLHV of a whole sequence: causal attention in each route, all routes side by side.

    Padding follows the tokens of a route, where no earlier token sees it. The last `shared` routes, which all
    tokens take, are packed apart from the others, which would otherwise be padded to the full length.
    """
    sizes = [r_BL1M.shape[3] - shared, shared][: 1 + shared]
    outputs = []
    for packing in map(Packing, torch.split(r_BL1M, sizes, dim=3)):
        q_XPHK, k_XPGK, v_XPGV = (packing.pack(x) for x in (q_BLHK, k_BLGK, v_BLGV))
        k_XPGK, v_XPGV, grouped = key_heads(q_XPHK, k_XPGK, v_XPGV)
        q_XHPK, k_XGPK, v_XGPV = (x.transpose(1, 2) for x in (q_XPHK, k_XPGK, v_XPGV))
        y_XHPV = F.scaled_dot_product_attention(q_XHPK, k_XGPK, v_XGPV, is_causal=True, enable_gqa=grouped)
        outputs.append(packing.unpack(y_XHPV.transpose(1, 2), q_BLHK.shape[1]))
    return torch.stack(outputs).sum(0)


def masked_attention(q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, r_BT1M: Tensor, count: int) -> Tensor:
    """Compute y_BLHV of the last L of T tokens, with one query and one mask for each of `count` slots of a token."""
    batch, length, heads = q_BLHK.shape[:3]
    chosen_BLS, weight_BLS = slots(r_BT1M[:, -length:], count)
    takes_BTM = r_BT1M.squeeze(2) > 0
    chosen_BSL = chosen_BLS.transpose(1, 2)
    takes_BSLT = takes_BTM.mT.gather(1, chosen_BSL.flatten(1).unsqueeze(2).expand(-1, -1, takes_BTM.shape[1]))
    k_BTGK, v_BTGV, grouped = key_heads(q_BLHK, k_BTGK, v_BTGV, masked=True)
    seen_BSLT = with_diagonal(takes_BSLT.view(*chosen_BSL.shape, -1).tril(takes_BTM.shape[1] - length))
    y_BHSV = F.scaled_dot_product_attention(
        q_BLHK.transpose(1, 2).repeat(1, 1, count, 1),
        k_BTGK.transpose(1, 2),
        v_BTGV.transpose(1, 2),
        attn_mask=seen_BSLT.flatten(1, 2).unsqueeze(1),
        enable_gqa=grouped,
    )
    y_BLSHV = y_BHSV.view(batch, heads, count, length, -1).permute(0, 3, 2, 1, 4)
    return (weight_BLS[..., None, None].to(y_BLSHV.dtype) * y_BLSHV).sum(2)
