"""Key heads that several query heads share, in the form that a fused kernel takes on a device.

PyTorch has two fused kernels for a GPU (its C++ file `sdp_utils.cpp` lists their conditions). Flash attention takes
groups of heads, but no mask, half precision alone, and at most 256 channels. Memory-efficient attention takes all of
these, but no groups. What neither takes is computed in float32 with all scores in memory, silently.

B batch, L queries, T keys and values, H query heads, G key heads (a divisor of H), K and V channels per head.
"""

import torch
from torch import Tensor

MOST_GROUPED = 256
"""Channels of a head up to which flash attention is there."""

HALF = (torch.float16, torch.bfloat16)


def key_heads(q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor, masked: bool = False) -> tuple[Tensor, Tensor, bool]:
    """Return keys and values, and whether they are fewer heads than the queries have, as `enable_gqa` asks.

    On a GPU, heads are repeated for all query heads where flash attention cannot take them; a single one without a
    copy.

    Args:
        masked: whether the attention has a mask.
    """
    heads = q_BLHK.shape[2]
    grouped = k_BTGK.shape[2] != heads
    if not grouped or q_BLHK.device.type == "cpu" or (not masked and _flash(q_BLHK)):
        return k_BTGK, v_BTGV, grouped
    return _repeated(k_BTGK, heads), _repeated(v_BTGV, heads), False


def _flash(q_BLHK: Tensor) -> bool:
    kind = q_BLHK.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else q_BLHK.dtype
    return dtype in HALF and q_BLHK.shape[3] <= MOST_GROUPED


def _repeated(x_BTGK: Tensor, heads: int) -> Tensor:
    """Repeat each head for the query heads that share it; the repetitions of a single one have a stride of zero."""
    x_BTGRK = x_BTGK.unsqueeze(3).expand(-1, -1, -1, heads // x_BTGK.shape[2], -1)
    return x_BTGRK.flatten(2, 3)
