"""T_ij = c_i A_{i-1} ... A_{j+1} b_j: a linear recurrence with a (key, value) state per head.

S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T,  y_t = c_t S_t. The log decay a is a learned constant (Mamba, Gu & Dao
2023, eq. 2 and 4: zero-order hold for the decay, Euler for the input), zero (linear attention), fixed per head
(RetNet) or computed for every token (GLA); one a head or one a key channel.

Normalised, each row of T is divided by its sum plus a small constant: a channel of ones beside the values adds the row
up, and what is read is divided by it (Katharopoulos et al. 2020, eq. 8 and 9).

B batch, L tokens, H heads, G heads of c and b (1 or H), K state and V value channels per head.
"""

from collections.abc import Mapping
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from genome import FeaturizerGenome, Heads, OperatorGenome
from genome.classes.alphabet import Nonlinearity, Source
from star.ops.dispatch import kernel
from star.ops.recurrence.chunk import chunked
from star.ops.recurrence.scan import recurrence_in_blocks
from star.structures.recurrent import Recurrent
from star.structures.structure import Features

NEVER_ZERO = 1e-6
"""Added to the sum that a row is divided by."""


class SemiSeparable(Recurrent):
    """d_BLH1 are step sizes: they multiply the log decays and what is written."""

    def __init__(
        self, operator: OperatorGenome, featurizer: FeaturizerGenome, extents: Mapping[str, Heads], window: int
    ) -> None:
        super().__init__(operator, featurizer, extents, window)
        self.normalised = operator.nonlinearity is Nonlinearity.NORMALISED

    @property
    def state(self) -> tuple[int, int, int]:
        heads, keys, values = super().state
        return heads, keys, values + self.normalised

    def exact_groups(self, features: Features) -> tuple[Tensor, ...]:
        """Normalised, the last value channel is ones."""
        *others, v_BLHV = super().exact_groups(features)
        return (*others, F.pad(v_BLHV, (0, 1), value=1.0)) if self.normalised else (*others, v_BLHV)

    def token(
        self, state_BHKV: Tensor, c_BGK: Tensor, b_BGK: Tensor, a_BHK: Tensor, d_BH1: Tensor, v_BHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        kept_BHKV = torch.exp(d_BH1 * a_BHK).unsqueeze(-1) * state_BHKV
        state_BHKV = kept_BHKV + b_BGK.unsqueeze(-1) * (d_BH1 * v_BHV).unsqueeze(-2)
        return self._divided((c_BGK.unsqueeze(-1) * state_BHKV).sum(-2)), state_BHKV

    def advance(
        self, state_BHKV: Tensor, c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, v_BLHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The one place that chooses a form.

        A single token needs none, and a kernel may be there for many. In PyTorch, states of one value channel leave no
        product to make and advance in few large steps; wider ones go in chunks of matrix products.
        """
        if v_BLHV.shape[1] == 1:
            token = (x_BL.squeeze(1) for x_BL in (c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV))
            y_BHV, state_BHKV = self.token(state_BHKV, *token)
            return y_BHV.unsqueeze(1), state_BHKV
        rate_BLHK = a_BLHK[:, :1] if self.featurizer["a"].source is Source.CONSTANT else a_BLHK
        tensors = (c_BLGK, b_BLGK, rate_BLHK, d_BLH1, v_BLHV, state_BHKV)
        if run := kernel("semi_separable", *tensors):
            y_BLHV, state_BHKV = run(*tensors)
        elif v_BLHV.shape[-1] > 1:
            y_BLHV, state_BHKV = chunked(c_BLGK, b_BLGK, d_BLH1 * a_BLHK, d_BLH1 * v_BLHV, state_BHKV)
        else:
            y_BLHV, state_BHKV = recurrence_in_blocks(c_BLGK, b_BLGK, rate_BLHK, d_BLH1, d_BLH1 * v_BLHV, state_BHKV)
        return self._divided(y_BLHV), state_BHKV

    def left(self, c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, v_BLHV: Tensor) -> Tensor:
        """A sum, as nothing is read: what each token writes, under the decays of those behind it."""
        later_BLHK = (d_BLH1 * a_BLHK)[:, 1:].flip(1).cumsum(1).flip(1)
        until_BLHK = F.pad(later_BLHK, (0, 0, 0, 0, 0, 1)).exp()
        w_BLHV = d_BLH1 * v_BLHV
        if until_BLHK.shape[-1] > 1:
            b_BLGK = until_BLHK * b_BLGK
        else:
            w_BLHV = until_BLHK * w_BLHV
        if self.extents["v"].size == 1:
            return torch.stack([(b_BLGK * w_BLH.unsqueeze(-1)).sum(1) for w_BLH in w_BLHV.unbind(-1)], dim=-1)
        return b_BLGK.permute(0, 2, 3, 1) @ w_BLHV.transpose(1, 2)

    def matrix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a_BLHK, d_BLH1, _ = self.inputs(features)
        log_decay_BLHK = (d_BLH1 * a_BLHK).cumsum(1)
        gaps_BLLHK = log_decay_BLHK.unsqueeze(2) - log_decay_BLHK.unsqueeze(1)
        length = gaps_BLLHK.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        reach_BLLHK = gaps_BLLHK.masked_fill(future[:, :, None, None], float("-inf")).exp()
        written_BLHK = d_BLH1 * b_BLGK
        t_BHLL = (c_BLGK.unsqueeze(2) * reach_BLLHK * written_BLHK.unsqueeze(1)).sum(-1).permute(0, 3, 1, 2)
        return t_BHLL / (t_BHLL.sum(-1, keepdim=True) + NEVER_ZERO) if self.normalised else t_BHLL

    def flops(self, context: int) -> int:
        """To decay, to write and to read a state; normalised, to divide what was read."""
        return 8 * prod(self.state) + self.normalised * self.channels

    def _divided(self, y_BHV: Tensor) -> Tensor:
        """Normalised, what was read by the sum of its row; tokens may lie between batch and heads."""
        return y_BHV[..., :-1] / (y_BHV[..., -1:] + NEVER_ZERO) if self.normalised else y_BHV
