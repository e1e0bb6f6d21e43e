"""T_ij = c_i^T A_i ... A_{j+1} d_j b_j with A_t = (I - d_t b_t b_t^T) Diag(exp(a_t)): a state that replaces values.

S_t = A_t S_{t-1} + d_t b_t v_t^T, y_t = S_t^T c_t: the state decays by exp(a_t), then the value found under key b_t
moves towards v_t by the share d_t. There is one log decay a head (Yang et al. 2025, Gated Delta Networks, eq. 10; with
a = 0 DeltaNet, Yang et al. 2024) or one a key channel (Kimi Linear, arXiv 2510.26692, eq. 1). Keys have unit length and
0 <= d <= 1, so A_t never increases the norm of a state.

B batch, L tokens, H heads, K key and V value channels per head, R decays of a head (1 or K).
"""

import torch
from torch import Tensor

from star.ops import dispatch
from star.ops.delta_rule import naive
from star.ops.recurrence.inputs import Inputs
from star.structures.recurrent import Recurrent
from star.structures.structure import Features


class Delta(Recurrent):
    """The groups are those of `Recurrent`; b are keys of unit length, d the shares of old values that are replaced."""

    masked_groups = ("a", "d")
    tolerance = 1e-4  # Each chunk solves a triangular system; its rounding errors grow with the similarity of keys.

    def token(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        return naive.token(inputs, state_BHKV)

    def naive(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        return naive.delta_rule(inputs, state_BHKV)

    def advance(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        return dispatch.delta_rule(inputs, state_BHKV)

    def final_state(self, inputs: Inputs) -> Tensor:
        return self.advance(inputs, self.zero_state(inputs.v))[1]

    def matrix(self, features: Features) -> Tensor:
        c_BHLK, b_BHLK, a_BHLR, d_BHL1, _ = (group.transpose(1, 2) for group in self.inputs(features).every_token())
        upto_LL = torch.ones(a_BHLR.shape[2], a_BHLR.shape[2], dtype=torch.bool, device=a_BHLR.device).tril()
        after_LL1 = upto_LL.logical_not().mT.unsqueeze(-1)
        reach_BHLLR = a_BHLR.unsqueeze(3).masked_fill(after_LL1.logical_not(), 0).cumsum(2).exp()
        keys_BHLLK = reach_BHLLR.masked_fill(upto_LL.logical_not().unsqueeze(-1), 0) * b_BHLK.unsqueeze(2)
        found_BHLL, read_BHLL = ((keys_BHLLK * x_BHLK.unsqueeze(3)).sum(-1) for x_BHLK in (b_BHLK, c_BHLK))
        eye_LL = torch.eye(upto_LL.shape[0], dtype=c_BHLK.dtype, device=c_BHLK.device)
        t_BHLL: Tensor = read_BHLL @ torch.linalg.solve(eye_LL + (d_BHL1 * found_BHLL).tril(-1), d_BHL1 * eye_LL)
        return t_BHLL

    def flops(self, context: int) -> int:
        """Count decay, recall, write and read of a state, and the weighting of the value that is written."""
        state = self.head_sizes["b"].size * self.head_sizes["v"].size
        return self.heads * (7 * state + 2 * self.head_sizes["v"].size)
