"""T_ij = c_i A_{i-1} ... A_{j+1} b_j: a linear recurrence with a (key, value) state per head.

S_t = exp(d_t a_t) S_{t-1} + d_t b_t v_t^T,  y_t = c_t S_t. The log decay a is a learned constant (Mamba, Gu & Dao
2023, eq. 2 and 4: zero-order hold for the decay, Euler for the input), zero (linear attention), fixed per head
(RetNet) or computed for every token (GLA); one a head or one a key channel.

B batch, L tokens, H heads, G heads of c and b (1 or H), K state and V value channels per head.
"""

import torch
from torch import Tensor

from genome.alphabet import TokenMixing
from star.cache import Store
from star.chunked import chunked
from star.recurrence import recurrence
from star.structures.structure import Features, Structure


class SemiSeparable(Structure):
    """The groups are c_BLGK, b_BLGK, a (0 or less; HK or BLHK, K may be 1), d_BLH1 (step sizes) and v_BLHV."""

    digit = TokenMixing.SEMI_SEPARABLE
    per_token = ("c", "b", "d", "v")

    def mix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = (features[name] for name in self.groups)
        state_BHKV = v_BLHV.new_zeros(v_BLHV.shape[0], *self.memory(0)["state"])
        outputs = []
        tokens = (feature.unbind(1) for feature in (c_BLGK, b_BLGK, d_BLH1 * a, d_BLH1 * v_BLHV))
        for c_BGK, b_BGK, log_decay_BHK, w_BHV in zip(*tokens, strict=True):
            y_BHV, state_BHKV = _token(c_BGK, b_BGK, log_decay_BHK, w_BHV, state_BHKV)
            outputs.append(y_BHV)
        return torch.stack(outputs, dim=1)

    def fast(self, features: Features) -> Tensor:
        v_BLHV = features["v"]
        return self._advance(features, v_BLHV.new_zeros(v_BLHV.shape[0], *self.memory(0)["state"]))[0]

    def step(self, features: Features, store: Store) -> Tensor:
        y_BLHV, store["state"] = self._advance(features, store["state"])
        return y_BLHV

    def matrix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a, d_BLH1, _ = (features[name] for name in self.groups)
        log_decay_BLHK = (d_BLH1 * a).cumsum(1)
        gaps_BLLHK = log_decay_BLHK.unsqueeze(2) - log_decay_BLHK.unsqueeze(1)
        length = gaps_BLLHK.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        reach_BLLHK = gaps_BLLHK.masked_fill(future[:, :, None, None], float("-inf")).exp()
        written_BLHK = d_BLH1 * b_BLGK
        return (c_BLGK.unsqueeze(2) * reach_BLLHK * written_BLHK.unsqueeze(1)).sum(-1).permute(0, 3, 1, 2)

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": (self.heads, self.extents["b"].size, self.extents["v"].size)}

    def flops(self, context: int) -> int:
        return 8 * self.heads * self.extents["b"].size * self.extents["v"].size

    def _advance(self, features: Features, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and last state. Decays are computed in float32 at least: they multiply up over tokens.

        The one place that chooses a form: a single token needs none; states of one value channel are advanced side
        by side, as there is no product to make of them; wider ones in chunks of matrix products.
        """
        exact = torch.promote_types(features["v"].dtype, torch.float32)
        c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = (features[name].to(exact) for name in self.groups)
        w_BLHV, initial_BHKV = d_BLH1 * v_BLHV, state_BHKV.to(exact)
        if v_BLHV.shape[1] == 1:
            y_BHV, last_BHKV = _token(c_BLGK[:, 0], b_BLGK[:, 0], (d_BLH1 * a)[:, 0], w_BLHV[:, 0], initial_BHKV)
            y_BLHV = y_BHV.unsqueeze(1)
        elif self.extents["v"].size == 1:
            y_BLHV, last_BHKV = recurrence(c_BLGK, b_BLGK, a, d_BLH1.squeeze(-1), w_BLHV, initial_BHKV)
        else:
            y_BLHV, last_BHKV = chunked(c_BLGK, b_BLGK, d_BLH1 * a, w_BLHV, initial_BHKV)
        return y_BLHV.to(features["v"].dtype), last_BHKV.to(state_BHKV.dtype)


def _token(
    c_BGK: Tensor, b_BGK: Tensor, log_decay_BHK: Tensor, w_BHV: Tensor, state_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """What one token reads, y_BHV, and the state it leaves."""
    state_BHKV = torch.exp(log_decay_BHK).unsqueeze(-1) * state_BHKV + b_BGK.unsqueeze(-1) * w_BHV.unsqueeze(-2)
    return (c_BGK.unsqueeze(-1) * state_BHKV).sum(-2), state_BHKV
