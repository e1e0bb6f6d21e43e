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
from star.ops.rotary import rotate
from star.structures.low_rank import LowRank
from star.structures.structure import Features


class Latent(LowRank):
    """The groups are c_BLHK (queries, absorbed) and b_BL1K (latent and rotated part); v is the latent in b.

    The fast forms put the weights on whole keys and drop the rotated part behind: attention that reads as many channels
    as it compares takes half the time, and there is nothing to copy.
    """

    @property
    def latent(self) -> int:
        """R."""
        return self.extents["v"].size

    def rotated(self, x_BLHK: Tensor, position: int = 0) -> Tensor:
        return torch.cat([x_BLHK[..., : self.latent], rotate(x_BLHK[..., self.latent :], position)], dim=-1)

    def values(self, features: Features) -> Tensor:
        return super().values({"v": features["b"][..., : self.latent]})

    def read(self, k_BLGK: Tensor, features: Features) -> Tensor:
        return k_BLGK

    def kept(self, features: Features, store: Store) -> tuple[Tensor, Tensor]:
        k_BT1K = store.append("b", self.rotated(features["b"], store.position), self.window)
        return k_BT1K, k_BT1K

    def fast(self, features: Features) -> Tensor:
        return super().fast(features)[..., : self.latent]

    def step(self, features: Features, store: Store) -> Tensor:
        return super().step(features, store)[..., : self.latent]

    def memory(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"b": super().memory(tokens)["b"]}
