"""T_ij = softmax_j(q_i . k_j / sqrt K) with values that are part of the keys: multi-head latent attention.

DeepSeek-AI 2024 (DeepSeek-V2, arXiv 2405.04434), section 2.1, in its absorbed form: what would decompress the latent
into a head's keys is folded into the queries, what would decompress it into values into the output projection. So all
heads attend to one key [latent, rotated part] and read the latent; rotation touches the part beside it alone
("decoupled rotary position", section 2.1.3). Kept for a token: R + P numbers, once.

B batch, L new tokens, T tokens so far, H heads, R channels of the latent, P rotated channels, K = R + P.
"""

import torch
from torch import Tensor

from star.cache import Store
from star.rotary import rotate
from star.structures.low_rank import LowRank
from star.structures.structure import Features


class Latent(LowRank):
    """The groups are c_BLHK (queries, absorbed) and b_BL1K (latent and rotated part); v is the latent in b."""

    def rotated(self, x_BLHK: Tensor, position: int = 0) -> Tensor:
        latent = self.extents["v"].size
        return torch.cat([x_BLHK[..., :latent], rotate(x_BLHK[..., latent:], position)], dim=-1)

    def read(self, features: Features) -> Tensor:
        return features["b"][..., : self.extents["v"].size]

    def values(self, features: Features) -> Tensor:
        return super().values({"v": self.read(features)})

    def kept(self, features: Features, store: Store) -> tuple[Tensor, Tensor]:
        k_BT1K = store.append("b", self.rotated(features["b"], store.position), self.window)
        return k_BT1K, k_BT1K[..., : self.extents["v"].size]

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"b": super().memory(tokens)["b"]}
