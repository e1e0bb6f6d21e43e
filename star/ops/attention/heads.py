"""Key heads that several query heads share, in the form that fused attention takes on a device.

B batch, L queries, T keys and values, H query heads, G key heads (a divisor of H), K and V channels per head.
"""

from torch import Tensor

MOST_GROUPED = 256
"""Channels of a head up to which a GPU's fused kernels take groups. More only a kernel without groups takes; with them
PyTorch would compute all scores in float32, silently."""


def shared(q_BLHK: Tensor, k_BTGK: Tensor, v_BTGV: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Return keys and values, and whether they are fewer heads than the queries have, as `enable_gqa` asks.

    One key head of many channels (latent attention) is repeated for all query heads without a copy.
    """
    grouped = k_BTGK.shape[2] != q_BLHK.shape[2]
    if grouped and k_BTGK.shape[2] == 1 and q_BLHK.shape[3] > MOST_GROUPED and q_BLHK.device.type != "cpu":
        heads = q_BLHK.shape[2]
        return k_BTGK.expand(-1, -1, heads, -1), v_BTGV.expand(-1, -1, heads, -1), False
    return k_BTGK, v_BTGV, grouped
