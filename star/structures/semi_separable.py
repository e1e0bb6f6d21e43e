"""T_ij = c_i A_{i-1} ... A_{j+1} b_j: a linear recurrence with a (key, value) state per head.

S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T,  y_t = c_t S_t. The log decay a is a learned constant (Mamba, Gu & Dao
2023, eq. 2 and 4: zero-order hold for the decay, Euler for the input), zero (linear attention), fixed per head
(RetNet) or computed for every token (GLA). There is one log decay per head or one per key channel.

If rows are normalised, each row of T is divided by its sum plus a small constant: a channel of ones beside the values
computes the sum, and the output is divided by it (Katharopoulos et al. 2020, eq. 8 and 9).

B batch, L tokens, H heads, G heads of c and b (1 or H), K key channels, V value channels per head, R decays of a head.
"""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Nonlinearity
from star.ops import dispatch
from star.ops.recurrence import naive
from star.ops.recurrence.final_state import final_state
from star.ops.recurrence.inputs import Inputs
from star.structures.recurrent import Recurrent
from star.structures.structure import Features

NEVER_ZERO = 1e-6
"""Constant added to the sum by which a row is divided."""


class SemiSeparable(Recurrent):
    """The groups are those of `Recurrent`: the step sizes d_BLH1 multiply the log decays and the values."""

    masked_groups = ("d",)

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, head_sizes: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, head_sizes, window)
        self.ones = int(operator.nonlinearity is Nonlinearity.NORMALISED)

    def token(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        y_BHV, state_BHKV = naive.token(inputs, state_BHKV)
        return self._divided(y_BHV), state_BHKV

    def naive(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        y_BLHV, state_BHKV = naive.recurrence(inputs, state_BHKV)
        return self._divided(y_BLHV), state_BHKV

    def advance(self, inputs: Inputs, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        y_BLHV, state_BHKV = dispatch.recurrence(inputs, state_BHKV)
        return self._divided(y_BLHV), state_BHKV

    def final_state(self, inputs: Inputs) -> Tensor:
        return final_state(inputs)

    def matrix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a_BLHR, d_BLH1, _ = self.inputs(features)
        log_decay_BLHR = (d_BLH1 * a_BLHR).cumsum(1)
        gaps_BLLHR = log_decay_BLHR.unsqueeze(2) - log_decay_BLHR.unsqueeze(1)
        length = gaps_BLLHR.shape[1]
        future_LL = torch.ones(length, length, dtype=torch.bool, device=gaps_BLLHR.device).triu(1)
        reach_BLLHR = gaps_BLLHR.masked_fill(future_LL.unsqueeze(-1).unsqueeze(-1), float("-inf")).exp()
        written_BLHK = d_BLH1 * b_BLGK
        t_BHLL = (c_BLGK.unsqueeze(2) * reach_BLLHR * written_BLHK.unsqueeze(1)).sum(-1).permute(0, 3, 1, 2)
        return t_BHLL / (t_BHLL.sum(-1, keepdim=True) + NEVER_ZERO) if self.ones else t_BHLL

    def flops(self, context: int) -> int:
        """Count decay, write and read of a state and, if rows are normalised, the division of the output."""
        return 8 * prod(self.state) + self.ones * self.channels

    def _divided(self, y_BHV: Tensor) -> Tensor:
        """Divide the output by the sum of its row if rows are normalised; an axis of tokens may lie between B and H."""
        return y_BHV[..., :-1] / (y_BHV[..., -1:] + NEVER_ZERO) if self.ones else y_BHV
