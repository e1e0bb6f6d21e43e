"""The meaning of causal convolutions with gates, one token after the other.

B batch, L tokens, H heads (one filter each), V channels per head, W taps, N numbers of state.
"""

import torch
from torch import Tensor

from star.ops.convolution.state_space import StateSpace


def gated_convolution(c_BLHV: Tensor, b_BLHV: Tensor, v_BLHV: Tensor, h_HW: Tensor) -> Tensor:
    """Compute y_t = c_t sum_w h_w b_{t-w} v_{t-w} over the taps that reach back to the first token at most: y_BLHV."""
    u_BLHV = b_BLHV * v_BLHV
    outputs = []
    for i, c_BHV in enumerate(c_BLHV.unbind(1)):
        reach = min(i + 1, h_HW.shape[1])
        recent_BWHV = u_BLHV[:, i + 1 - reach : i + 1].flip(1)
        outputs.append(c_BHV * torch.einsum("hw,bwhv->bhv", h_HW[:, :reach], recent_BWHV))
    return torch.stack(outputs, dim=1)


def short_convolution(x_BLHV: Tensor, h_HW: Tensor, silu: bool) -> Tensor:
    """Compute y_t = sigma(sum_w h_w x_{t-w}) with SiLU as sigma or without one: y_BLHV."""
    ones_BLHV = torch.ones_like(x_BLHV)
    y_BLHV = gated_convolution(ones_BLHV, ones_BLHV, x_BLHV, h_HW)
    return y_BLHV * torch.sigmoid(y_BLHV) if silu else y_BLHV


def state_space(form: StateSpace, h: Tensor, u_BLHV: Tensor, order: int) -> Tensor:
    """Run a state-space model with `order` numbers of state per channel from a state of zeros: y_BLHV."""
    state_BHVN = u_BLHV.new_zeros(*u_BLHV[:, 0].shape, order)
    outputs = []
    for u_BHV in u_BLHV.unbind(1):
        y_BHV, state_BHVN = form.step(h.to(u_BHV.dtype), state_BHVN, u_BHV)
        outputs.append(y_BHV)
    return torch.stack(outputs, dim=1)
