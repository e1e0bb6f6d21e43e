"""Attention over a window of W tokens in tiles of W queries: O(L W) time and memory.

B batch, L tokens, H query heads, G key heads (a divisor of H), K and V channels per head, N tiles of W tokens,
T = 2 W keys of a tile, X = B N tiles side by side in the batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.attention.heads import key_heads
from star.ops.attention.masks import causal_mask


def attention_in_tiles(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, window: int) -> Tensor:
    """Compute y_BLHV; the queries of a tile see keys of the same tile and of the tile before it, and no others."""
    batch, length = q_BLHK.shape[:2]
    q_BNWHK, k_BNWGK, v_BNWGV = (_tiles(x, window) for x in (q_BLHK, k_BLGK, v_BLGV))
    k_BNTGK, v_BNTGV = (torch.cat([F.pad(x[:, :-1], (0,) * 6 + (1, 0)), x], dim=2) for x in (k_BNWGK, v_BNWGV))
    seen_N1WT = causal_mask(window, 2 * window, window, q_BLHK.device).repeat(q_BNWHK.shape[1], 1, 1, 1)
    seen_N1WT[0, :, :, :window] = False  # The tile before the first is padding.
    q_XWHK = q_BNWHK.flatten(0, 1)
    k_XTGK, v_XTGV, grouped = key_heads(q_XWHK, k_BNTGK.flatten(0, 1), v_BNTGV.flatten(0, 1), masked=True)
    y_XHWV = F.scaled_dot_product_attention(
        q_XWHK.transpose(1, 2),
        k_XTGK.transpose(1, 2),
        v_XTGV.transpose(1, 2),
        attn_mask=seen_N1WT.repeat(batch, 1, 1, 1),
        enable_gqa=grouped,
    )
    return torch.unflatten(y_XHWV.transpose(1, 2), 0, (batch, -1)).flatten(1, 2)[:, :length]


def _tiles(x_BLHK: Tensor, window: int) -> Tensor:
    """Cut into tiles, (B, N, W, H, K), the last one padded with zeros."""
    return torch.unflatten(F.pad(x_BLHK, (0, 0, 0, 0, 0, -x_BLHK.shape[1] % window)), 1, (-1, window))
