"""T_ij = c_i^T A_i ... A_{j+1} d_j b_j with A_t = (I - d_t b_t b_t^T) exp(a_t): a state that replaces what it held.

S_t = A_t S_{t-1} + d_t b_t v_t^T, y_t = S_t^T c_t: the state forgets by exp(a_t), then the value found under key b_t is
moved towards v_t by the share d_t (Yang et al. 2025, Gated Delta Networks, eq. 10; with a = 0 DeltaNet, Yang et al.
2024). Keys have unit length and 0 <= d <= 1, so A_t never lengthens a state.

B batch, L tokens, H heads, G heads of c and b (1 or H), K key and V value channels per head.
"""

import torch
from torch import Tensor

from genome.alphabet import TokenMixing
from star.cache import Store
from star.delta_rule import delta_rule
from star.structures.structure import Features, Structure


class Delta(Structure):
    """The groups are c_BLGK (queries), b_BLGK (unit keys), a_H1 or a_BLH1 (log decay), d_BLH1 (shares), v_BLHV."""

    digit = TokenMixing.DELTA
    per_token = ("c", "b", "d", "v")
    tolerance = 1e-4  # every chunk solves a triangular system: its rounding errors grow with keys that are alike

    def mix(self, features: Features) -> Tensor:
        state_BHKV = features["v"].new_zeros(features["v"].shape[0], *self.memory(0)["state"])
        return _loop(*self._exact(features), state_BHKV)[0].to(features["v"].dtype)

    def fast(self, features: Features) -> Tensor:
        groups = self._exact(features)
        state_BHKV = groups[-1].new_zeros(groups[-1].shape[0], *self.memory(0)["state"])
        return delta_rule(*groups, state_BHKV)[0].to(features["v"].dtype)

    def step(self, features: Features, store: Store) -> Tensor:
        groups = self._exact(features)
        advance = _loop if groups[-1].shape[1] == 1 else delta_rule
        y_BLHV, state_BHKV = advance(*groups, store["state"].to(groups[-1].dtype))
        store["state"] = state_BHKV.to(store["state"].dtype)
        return y_BLHV.to(features["v"].dtype)

    def matrix(self, features: Features) -> Tensor:
        c_BHLK, b_BHLK, a_BHL1, d_BHL1, _ = (group.transpose(1, 2) for group in self._exact(features))
        earlier_LL = torch.ones(a_BHL1.shape[2], a_BHL1.shape[2], dtype=torch.bool, device=a_BHL1.device).tril(-1)
        reach_BHLL = a_BHL1.masked_fill(~earlier_LL, 0).cumsum(-2).exp().tril()
        corrected_BHLL = (d_BHL1 * (b_BHLK @ b_BHLK.mT) * reach_BHLL).tril(-1)
        eye_LL = torch.eye(c_BHLK.shape[2], dtype=c_BHLK.dtype, device=c_BHLK.device)
        written_BHLL = torch.linalg.solve(eye_LL + corrected_BHLL, d_BHL1 * eye_LL)
        t_BHLL: Tensor = (c_BHLK @ b_BHLK.mT * reach_BHLL) @ written_BHLL
        return t_BHLL

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"state": (self.heads, self.extents["b"].size, self.extents["v"].size)}

    def flops(self, context: int) -> int:
        """To decay, to recall, to write and to read a state, and to weigh what is written."""
        state = self.extents["b"].size * self.extents["v"].size
        return self.heads * (7 * state + 2 * self.extents["v"].size)

    def _exact(self, features: Features) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """All groups per token, in float32 at least: errors of the state add up over tokens."""
        exact = torch.promote_types(features["v"].dtype, torch.float32)
        c_BLGK, b_BLGK, a, d_BLH1, v_BLHV = (features[name].to(exact) for name in self.groups)
        a_BLH1 = a if a.dim() == v_BLHV.dim() else a.expand(1, v_BLHV.shape[1], *a.shape)
        return c_BLGK, b_BLGK, a_BLH1, d_BLH1, v_BLHV


def _loop(
    c_BLGK: Tensor, b_BLGK: Tensor, a_BLH1: Tensor, d_BLH1: Tensor, v_BLHV: Tensor, state_BHKV: Tensor
) -> tuple[Tensor, Tensor]:
    """The meaning: token after token, outputs and the last state."""
    outputs = []
    tokens = (x_BL.unbind(1) for x_BL in (c_BLGK, b_BLGK, a_BLH1, d_BLH1, v_BLHV))
    for c_BGK, b_BGK, a_BH1, d_BH1, v_BHV in zip(*tokens, strict=True):
        state_BHKV = a_BH1.exp().unsqueeze(-1) * state_BHKV
        found_BHV = (b_BGK.unsqueeze(-1) * state_BHKV).sum(-2)
        moved_BHV = d_BH1 * (v_BHV - found_BHV)
        state_BHKV = state_BHKV + b_BGK.unsqueeze(-1) * moved_BHV.unsqueeze(-2)
        outputs.append((c_BGK.unsqueeze(-1) * state_BHKV).sum(-2))
    return torch.stack(outputs, dim=1), state_BHKV
