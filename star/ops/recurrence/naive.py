"""The meaning of the recurrence, token by token: S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T, y_t = c_t S_t.

The discretisation is Mamba's (Gu & Dao 2023, eq. 2 and 4): zero-order hold for the decay, Euler for the input. Every
other form agrees with this one.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K).
"""

import torch
from torch import Tensor

from star.ops.recurrence.inputs import Inputs


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the outputs y_BLHV and the last state_BHKV."""
    outputs = []
    for t in range(inputs.length):
        y_BHV, state_BHKV = token(inputs.token(t), state_BHKV)
        outputs.append(y_BHV)
    return torch.stack(outputs, dim=1), state_BHKV


def token(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BHV and the new state_BHKV after one token: the state decays, the token is added, the state is read."""
    c_BGK, b_BGK, a_BHR, d_BH1, v_BHV = inputs
    kept_BHKV = torch.exp(d_BH1 * a_BHR).unsqueeze(-1) * state_BHKV
    state_BHKV = kept_BHKV + b_BGK.unsqueeze(-1) * (d_BH1 * v_BHV).unsqueeze(-2)
    return (c_BGK.unsqueeze(-1) * state_BHKV).sum(-2), state_BHKV
