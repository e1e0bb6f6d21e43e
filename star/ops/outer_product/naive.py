"""The meaning of a causal convolution of outer products, one token after the other.

B batch, L tokens, H heads (one filter each), K channels of c and b and V of v per head, W taps.
"""

import torch
from torch import Tensor


def outer_product_convolution(c_BLHK: Tensor, b_BLHK: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
    """Compute y_i = sum_{j <= i} h_{i-j} (c_i . b_j) v_j, head by head: y_BLHV."""
    outputs = []
    for i, c_BHK in enumerate(c_BLHK.unbind(1)):
        reach = min(i + 1, h_HW.shape[1])
        recent = slice(i + 1 - reach, i + 1)
        weight_BHW = torch.einsum("bhk,bwhk,hw->bhw", c_BHK, b_BLHK[:, recent], h_HW[:, :reach].flip(1))
        outputs.append(torch.einsum("bhw,bwhv->bhv", weight_BHW, v_BLHV[:, recent]))
    return torch.stack(outputs, dim=1)
