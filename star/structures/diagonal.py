"""T_ii = sigma(c_i): units without memory. With SiLU and a dense featurizer they are SwiGLU (Shazeer 2020).

B batch, L tokens, H heads, V channels per head, D = H V channels.
"""

import torch
from torch import Tensor

from star.cache import Store
from star.nonlinearity import SIGMA
from star.structures.structure import Features, Structure


class Diagonal(Structure):
    """y_BLHV = sigma(c) v, element by element, with the groups c_BLHV and v_BLHV."""

    per_token = ("c", "v")

    def mix(self, features: Features) -> Tensor:
        return SIGMA[int(self.operator.nonlinearity)](features["c"]) * features["v"]

    def fast(self, features: Features) -> Tensor:
        return self.mix(features)

    def step(self, features: Features, store: Store) -> Tensor:
        return self.mix(features)

    def matrix(self, features: Features) -> Tensor:
        gate_BLD = SIGMA[int(self.operator.nonlinearity)](features["c"]).flatten(2)
        return torch.diag_embed(gate_BLD.transpose(1, 2))

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {}

    def flops(self, context: int) -> int:
        return 4 * self.channels
