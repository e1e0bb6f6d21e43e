"""The meaning of the recurrence, token by token: S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T, y_t = c_t S_t.

Mamba (Gu & Dao 2023, eq. 2 and 4): zero-order hold for the decay, Euler for the input. Every other form agrees with it.

B batch, L tokens, H heads, K key channels, V value channels.
"""

import torch
from torch import Tensor

from star.ops.recurrence.inputs import Inputs


def recurrence(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs y_BLHV and the last state_BHKV."""
    outputs = []
    for t in range(inputs.length):
        y_BHV, state_BHKV = token(inputs.token(t), state_BHKV)
        outputs.append(y_BHV)
    return torch.stack(outputs, dim=1), state_BHKV


def token(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """One token: the state decays, takes up the token, and is read. Gives y_BHV and the new state_BHKV."""
    c_BGK, b_BGK, a_BHR, d_BH1, v_BHV = inputs
    kept_BHKV = torch.exp(d_BH1 * a_BHR).unsqueeze(-1) * state_BHKV
    state_BHKV = kept_BHKV + b_BGK.unsqueeze(-1) * (d_BH1 * v_BHV).unsqueeze(-2)
    return (c_BGK.unsqueeze(-1) * state_BHKV).sum(-2), state_BHKV
