"""T_ij = c_i A_{i-1} ... A_{j+1} b_j: a linear recurrence with a (key, value) state per head.

S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T,  y_t = c_t S_t. The log decay a is a learned constant (Mamba, Gu & Dao
2023, eq. 2 and 4: zero-order hold for the decay, Euler for the input), zero (linear attention), fixed per head
(RetNet) or computed for every token (GLA); one a head or one a key channel.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state and V value channels per head.
"""

import torch
from torch import Tensor

from genome.alphabet import Source, TokenMixing
from star.chunked import chunked
from star.recurrence import recurrence
from star.structures.recurrent import Recurrent
from star.structures.structure import Features


class SemiSeparable(Recurrent):
    """d_BLH1 are step sizes: they multiply the log decays and what is written."""

    digit = TokenMixing.SEMI_SEPARABLE

    def token(
        self, state_BHKV: Tensor, c_BGK: Tensor, b_BGK: Tensor, a_BHK: Tensor, d_BH1: Tensor, v_BHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        kept_BHKV = torch.exp(d_BH1 * a_BHK).unsqueeze(-1) * state_BHKV
        state_BHKV = kept_BHKV + b_BGK.unsqueeze(-1) * (d_BH1 * v_BHV).unsqueeze(-2)
        return (c_BGK.unsqueeze(-1) * state_BHKV).sum(-2), state_BHKV

    def advance(
        self, state_BHKV: Tensor, c_BLGK: Tensor, b_BLGK: Tensor, a_BLHK: Tensor, d_BLH1: Tensor, v_BLHV: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The one place that chooses a form.

        A single token needs none; states of one value channel are advanced side by side, as there is no product to
        make of them; wider ones in chunks of matrix products.
        """
        if v_BLHV.shape[1] == 1:
            token = (x_BL.squeeze(1) for x_BL in (c_BLGK, b_BLGK, a_BLHK, d_BLH1, v_BLHV))
            y_BHV, state_BHKV = self.token(state_BHKV, *token)
            return y_BHV.unsqueeze(1), state_BHKV
        w_BLHV = d_BLH1 * v_BLHV
        if v_BLHV.shape[-1] > 1:
            return chunked(c_BLGK, b_BLGK, d_BLH1 * a_BLHK, w_BLHV, state_BHKV)
        rate_BLHK = a_BLHK[:, :1] if self.featurizer["a"].source is Source.CONSTANT else a_BLHK
        return recurrence(c_BLGK, b_BLGK, rate_BLHK, d_BLH1, w_BLHV, state_BHKV)

    def matrix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a, d_BLH1, _ = (features[name] for name in self.groups)
        log_decay_BLHK = (d_BLH1 * a).cumsum(1)
        gaps_BLLHK = log_decay_BLHK.unsqueeze(2) - log_decay_BLHK.unsqueeze(1)
        length = gaps_BLLHK.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        reach_BLLHK = gaps_BLLHK.masked_fill(future[:, :, None, None], float("-inf")).exp()
        written_BLHK = d_BLH1 * b_BLGK
        return (c_BLGK.unsqueeze(2) * reach_BLLHK * written_BLHK.unsqueeze(1)).sum(-1).permute(0, 3, 1, 2)

    def flops(self, context: int) -> int:
        return 8 * self.heads * self.extents["b"].size * self.extents["v"].size
