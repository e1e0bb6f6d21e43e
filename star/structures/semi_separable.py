"""T_ij = c_i A_{i-1} ... A_{j+1} b_j: a linear recurrence with a (key, value) state per head.

S_t = exp(d_t a) S_{t-1} + d_t b_t v_t^T,  y_t = c_t S_t, as in Mamba (Gu & Dao 2023, eq. 2 and 4: zero-order
hold for the decay, Euler for the input).

B batch, L tokens, H heads, G heads of c and b (1 or H), K state and V value channels per head.
"""

import torch
from torch import Tensor

from genome.alphabet import TokenMixing
from star.cache import Store
from star.recurrence import recurrence
from star.structures.structure import Features, Structure


class SemiSeparable(Structure):
    """The groups are c_BLGK, b_BLGK, a_HK (negative), d_BLH1 (step sizes) and v_BLHV."""

    digit = TokenMixing.SEMI_SEPARABLE
    per_token = ("c", "b", "d", "v")

    def mix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a_HK, d_BLH1, v_BLHV = (features[name] for name in self.groups)
        state_BHKV = v_BLHV.new_zeros(v_BLHV.shape[0], *self.memory(0)["state"])
        outputs = []
        for c_BGK, b_BGK, d_BH1, v_BHV in zip(
            c_BLGK.unbind(1), b_BLGK.unbind(1), d_BLH1.unbind(1), v_BLHV.unbind(1), strict=True
        ):
            decay_BHK1 = torch.exp(d_BH1 * a_HK).unsqueeze(-1)
            state_BHKV = decay_BHK1 * state_BHKV + (d_BH1 * b_BGK).unsqueeze(-1) * v_BHV.unsqueeze(-2)
            outputs.append((c_BGK.unsqueeze(-1) * state_BHKV).sum(-2))
        return torch.stack(outputs, dim=1)

    def fast(self, features: Features) -> Tensor:
        v_BLHV = features["v"]
        return self._advance(features, v_BLHV.new_zeros(v_BLHV.shape[0], *self.memory(0)["state"]))[0]

    def step(self, features: Features, store: Store) -> Tensor:
        y_BLHV, store["state"] = self._advance(features, store["state"])
        return y_BLHV

    def matrix(self, features: Features) -> Tensor:
        c_BLGK, b_BLGK, a_HK, d_BLH1, _ = (features[name] for name in self.groups)
        log_decay_BLHK = (d_BLH1 * a_HK).cumsum(1)
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
        """Outputs and last state. Decays are computed in float32 at least: they multiply up over tokens."""
        exact = torch.promote_types(features["v"].dtype, torch.float32)
        c_BLGK, b_BLGK, a_HK, d_BLH1, v_BLHV = (features[name].to(exact) for name in self.groups)
        y_BLHV, last_BHKV = recurrence(c_BLGK, b_BLGK, a_HK, d_BLH1.squeeze(-1), d_BLH1 * v_BLHV, state_BHKV.to(exact))
        return y_BLHV.to(features["v"].dtype), last_BHKV.to(state_BHKV.dtype)
