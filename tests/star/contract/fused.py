"""`scaled_dot_product_attention` as a GPU computes it, on tensors without values: fused wherever PyTorch has a kernel.

The conditions are those of PyTorch 2.13 (`sdp_utils.cpp`) on GPUs of compute capability 8.0 or above.

B batch, H query heads, G key heads, L queries, T keys, K channels.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


def kernel(q_BHLK: Tensor, k_BGTK: Tensor, v_BGTV: Tensor, attn_mask: Tensor | None) -> Any:
    """Return the fused operation that takes these tensors, or None."""
    inputs = (q_BHLK, k_BGTK, v_BGTV)
    channels = {x.shape[3] for x in inputs}
    half = q_BHLK.dtype in (torch.float16, torch.bfloat16)
    if half and attn_mask is None and len(channels) == 1 and max(channels) <= 256:
        return torch.ops.aten._scaled_dot_product_flash_attention
    aligned = all(size * q_BHLK.element_size() % 16 == 0 for size in channels)
    if aligned and len({x.shape[1] for x in inputs}) == 1 and all(x.stride(3) == 1 for x in inputs):
        return torch.ops.aten._scaled_dot_product_efficient_attention
    return None


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    enable_gqa: bool = False,
) -> tuple[Tensor, bool]:
    """Compute y_BHLV, and say whether by one fused kernel."""
    fused = kernel(query, key, value, attn_mask)
    if fused is None:
        y = scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa=enable_gqa)
        return y, False
    if fused is torch.ops.aten._scaled_dot_product_flash_attention:
        return fused(query, key, value, dropout_p, is_causal)[0], True
    bias = None if attn_mask is None else torch.where(attn_mask, 0.0, float("-inf")).to(query.dtype)
    if bias is not None:
        bias = bias.expand(*query.shape[:3], key.shape[2])
    return fused(query, key, value, bias, query.requires_grad, dropout_p, is_causal)[0], True
