"""T_ij = c_i^T A_i ... A_{j+1} d_j b_j with A_t = (I - d_t b_t b_t^T) exp(a_t): a state that replaces values.

S_t = A_t S_{t-1} + d_t b_t v_t^T, y_t = S_t^T c_t: the state decays by exp(a_t), then the value found under key b_t
moves towards v_t by the share d_t (Yang et al. 2025, Gated Delta Networks, eq. 10; with a = 0 DeltaNet, Yang et al.
2024). Keys have unit length and 0 <= d <= 1, so A_t never increases the norm of a state.

B batch, L tokens, H heads, K key and V value channels per head.
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
        c_BHLK, b_BHLK, a_BHL1, d_BHL1, _ = (group.transpose(1, 2) for group in self.inputs(features).every_token())
        earlier_LL = torch.ones(a_BHL1.shape[2], a_BHL1.shape[2], dtype=torch.bool, device=a_BHL1.device).tril(-1)
        reach_BHLL = a_BHL1.masked_fill(earlier_LL.logical_not(), 0).cumsum(-2).exp().tril()
        corrected_BHLL = (d_BHL1 * (b_BHLK @ b_BHLK.mT) * reach_BHLL).tril(-1)
        eye_LL = torch.eye(c_BHLK.shape[2], dtype=c_BHLK.dtype, device=c_BHLK.device)
        written_BHLL = torch.linalg.solve(eye_LL + corrected_BHLL, d_BHL1 * eye_LL)
        t_BHLL: Tensor = (c_BHLK @ b_BHLK.mT * reach_BHLL) @ written_BHLL
        return t_BHLL

    def flops(self, context: int) -> int:
        """Count decay, recall, write and read of a state, and the weighting of the value that is written."""
        state = self.head_sizes["b"].size * self.head_sizes["v"].size
        return self.heads * (7 * state + 2 * self.head_sizes["v"].size)
