"""T_ii = r_i sigma(c_i) for the experts that token i takes: a mixture of units without memory.

With SiLU it is a mixture of SwiGLU experts (Shazeer et al. 2017; Fedus et al. 2022). The features hold one slot for
each expert that a token takes, in the order of the experts; no other expert is computed. Each expert has its own
projection back to the model width.

B batch, L tokens, D model width, M experts, S slots, I channels of an expert; slots are heads, so H = S and V = I.
"""

import torch
from torch import Tensor

from genome.classes.feature_groups import ROUTES
from star.cache import Store
from star.nonlinearity import SIGMA
from star.ops.experts.packed import from_experts
from star.ops.routing import slots
from star.structures.structure import Features, Structure


class RoutedDiagonal(Structure):
    """y_BLSI = r sigma(c) v, slot by slot, with the groups c_BLSI, v_BLSI and r_BL1M."""

    per_token = ("c", "v", ROUTES)
    of_units = True

    def pairs_on(self, device: torch.device) -> bool:
        return False

    def exactly_causal(self, length: int) -> bool:
        return False

    def mix(self, features: Features) -> Tensor:
        return self._gate(features) * features["v"]

    def fast(self, features: Features) -> Tensor:
        return self.mix(features)

    def step(self, features: Features, store: Store) -> Tensor:
        return self.mix(features)

    def matrix(self, features: Features) -> Tensor:
        return torch.diag_embed(self._gate(features).flatten(2).transpose(1, 2))

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {}

    def flops(self, context: int) -> int:
        return 5 * self.channels

    def out_sizes(self, width: int) -> tuple[int, ...]:
        """Return the sizes of one projection for each expert, (M, D, I)."""
        return self.head_sizes[ROUTES].size, width, self.head_sizes["v"].size

    def project(self, y_BLHV: Tensor, features: Features, out: Tensor) -> Tensor:
        return from_experts(y_BLHV, features[ROUTES], out)

    def _gate(self, features: Features) -> Tensor:
        """Compute r sigma(c), (B, L, S, I)."""
        _, weight_BLS = slots(features[ROUTES], self.heads)
        return weight_BLS.unsqueeze(3) * SIGMA[int(self.operator.nonlinearity)](features["c"])
