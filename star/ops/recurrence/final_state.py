"""The last state of a recurrence that starts from zero, as one sum over tokens, without its outputs.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from star.ops.recurrence.inputs import Inputs

FEW_VALUES = 2
"""The number of value channels up to which states are summed channel by channel: matrix products would be small."""


def final_state(inputs: Inputs) -> Tensor:
    """Compute the last state_BHKV of `naive.recurrence` from a state of zeros; differentiable in all inputs but c.

    It is the sum of the products d b v^T of all tokens, each under the decays of the tokens after it.
    """
    _, b_BLGK, a_BLHR, d_BLH1, v_BLHV = inputs
    later_BLHR = (d_BLH1 * a_BLHR)[:, 1:].flip(1).cumsum(1).flip(1)
    until_BLHR = F.pad(later_BLHR, (0, 0, 0, 0, 0, 1)).exp()
    w_BLHV = d_BLH1 * v_BLHV
    if until_BLHR.shape[-1] > 1:
        b_BLGK = until_BLHR * b_BLGK
    else:
        w_BLHV = until_BLHR * w_BLHV
    if v_BLHV.shape[-1] <= FEW_VALUES:
        return torch.stack([(b_BLGK * w_BLH.unsqueeze(-1)).sum(1) for w_BLH in w_BLHV.unbind(-1)], dim=-1)
    return b_BLGK.permute(0, 2, 3, 1) @ w_BLHV.transpose(1, 2)
