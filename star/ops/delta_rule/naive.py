"""The meaning of the gated delta rule, token by token.

S_t = (I - d_t b_t b_t^T) Diag(exp(a_t)) S_{t-1} + d_t b_t v_t^T and y_t = S_t^T c_t. The state decays, then the value
found under the key b_t moves towards v_t by the share d_t (with one decay a head Yang et al. 2025, Gated Delta
Networks, eq. 10, and with a = 0 DeltaNet, Yang et al. 2024; with one a key channel Kimi Linear, arXiv 2510.26692,
eq. 1). Every other form agrees with it.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels, R decays of a head (1 or K).
"""

import torch
from torch import Tensor

from star.ops.recurrence.inputs import Inputs


def delta_rule(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the outputs y_BLHV and the last state_BHKV."""
    outputs = []
    for t in range(inputs.length):
        y_BHV, state_BHKV = token(inputs.token(t), state_BHKV)
        outputs.append(y_BHV)
    return torch.stack(outputs, dim=1), state_BHKV


def token(inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Compute y_BHV and the new state_BHKV after one token."""
    c_BGK, b_BGK, a_BHR, d_BH1, v_BHV = inputs
    state_BHKV = a_BHR.exp().unsqueeze(-1) * state_BHKV
    found_BHV = (b_BGK.unsqueeze(-1) * state_BHKV).sum(-2)
    state_BHKV = state_BHKV + b_BGK.unsqueeze(-1) * (d_BH1 * (v_BHV - found_BHV)).unsqueeze(-2)
    return (c_BGK.unsqueeze(-1) * state_BHKV).sum(-2), state_BHKV
