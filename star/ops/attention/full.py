"""Attention of the last L of T tokens by PyTorch's fused kernel, and the choice between it, tiles and compiled code.

B batch, L queries, T keys and values, H query heads, G key heads (a divisor of H), K and V channels per head.
"""

import torch.nn.functional as F
from torch import Tensor

from star.ops.attention.heads import key_heads
from star.ops.attention.masks import causal_mask
from star.ops.attention.window import attention_in_tiles
from star.ops.dispatch import kernel


def causal_attention(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, window: int | None = None) -> Tensor:
    """Compute y_BLHV of a whole sequence in the fastest form."""
    form = kernel("attention", q_BLHK, k_BLGK, v_BLGV) or fused_attention
    y_BLHV: Tensor = form(q_BLHK, k_BLGK, v_BLGV, window)
    return y_BLHV


def fused_attention(q_BLHK: Tensor, k_BLGK: Tensor, v_BLGV: Tensor, window: int | None = None) -> Tensor:
    """Compute y_BLHV of a whole sequence in PyTorch, in tiles if the sequence is longer than the window."""
    if window is None or q_BLHK.shape[1] <= window:
        return attention(q_BLHK, k_BLGK, v_BLGV)
    return attention_in_tiles(q_BLHK, k_BLGK, v_BLGV, window)


def attention(
    q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, window: int | None = None, present_BT: Tensor | None = None
) -> Tensor:
    """Compute y_BLHV of queries at the last L of T tokens, in O(L T) time; keys that are not present are not seen."""
    length, total = q_BLHK.shape[1], k_BTGK.shape[1]
    banded = window is not None and total > window
    masked = banded or present_BT is not None or 1 < length < total
    mask = causal_mask(length, total, window, q_BLHK.device) if masked else None
    if mask is not None and present_BT is not None:
        mask = (mask & present_BT.unsqueeze(1)).unsqueeze(1)
    k_BTGK, v_BTGV, grouped = key_heads(q_BLHK, k_BTGK, v_BTGV, mask is not None)
    y_BHLV = F.scaled_dot_product_attention(
        q_BLHK.transpose(1, 2),
        k_BTGK.transpose(1, 2),
        v_BTGV.transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None if length == total else False,  # a branch: under torch.compile `==` is a symbol
        enable_gqa=grouped,
    )
    return y_BHLV.transpose(1, 2)
