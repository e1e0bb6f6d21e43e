"""The latent of keys and values and its maps to the heads (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1), and the
balance of differential attention (Ye et al. 2024, arXiv 2410.05258).

B batch, L tokens, D model width, H heads, G latents, R channels of the latent, K channels of the latent and of the
rotated part, C = 2 V R with V channels of a head, N operators side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import FeaturizerGenome, GroupGenome, Heads
from star.cache import Store
from star.features.feature import Feature, parameter
from star.features.output import SMALLEST
from star.features.projection import Projection
from star.ops.precision import at_least_float32


class NormalisedLatent(Projection):
    """b_BLGK with an RMS-normalised latent; the gain of the normalisation is part of the maps to the heads."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, latent: int) -> None:
        super().__init__(name, width, head_size, group)
        self.latent = latent

    @classmethod
    def of(cls, name: str, width: int, head_sizes: Mapping[str, Heads], genome: FeaturizerGenome) -> NormalisedLatent:
        return cls(name, width, head_sizes[name], genome[name], head_sizes["v"].size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        b_BLGK = super().forward(x_BLD, length, store)
        wide_BLGR = b_BLGK[..., : self.latent].to(at_least_float32(b_BLGK))
        l_BLGR = F.rms_norm(wide_BLGR, (self.latent,), eps=SMALLEST).to(b_BLGK.dtype)
        return torch.cat([l_BLGR, b_BLGK[..., self.latent :]], dim=-1)


class Decompression(Feature):
    """u_HC: for each head the map of the latent to its keys, then the map to its values, (V, R) each."""

    decaying = ("weight_HC",)
    joinable = True

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, latent: int) -> None:
        super().__init__(name, width, head_size, group)
        self.weight_HC = parameter(*head_size)
        self.latent = latent

    @classmethod
    def of(cls, name: str, width: int, head_sizes: Mapping[str, Heads], genome: FeaturizerGenome) -> Decompression:
        return cls(name, width, head_sizes[name], genome[name], head_sizes["v"].size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.weight_HC

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.weight_HC, std=self.latent**-0.5, generator=generator)

    def flops(self) -> int:
        """Count nothing: the structure applies the maps."""
        return 0


class Balance(Feature):
    """l_N2: the factor of the second softmax of every pair of heads, and the factor of the whole output.

    The first is exp(q1 . k1) - exp(q2 . k2) + s with four learned vectors of the channels of a head, the second 1 - s,
    where s = 0.8 - 0.6 exp(-0.3 depth) (Ye et al. 2024, equations 2 and 3). All heads of a layer share them.
    """

    joinable = True

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.vectors_N4K = parameter(head_size.heads, 4, head_size.size // 4)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide_N4K = self.vectors_N4K.to(at_least_float32(self.vectors_N4K))
        start = 0.8 - 0.6 * math.exp(-0.3 * self.depth)
        first_N, second_N = (wide_N4K[:, 0::2] * wide_N4K[:, 1::2]).sum(-1).exp().unbind(1)
        return torch.stack([first_N - second_N + start, torch.full_like(first_N, 1 - start)], dim=1)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.vectors_N4K, std=0.1, generator=generator)

    def flops(self) -> int:
        """Count nothing: the factors are the same for all tokens."""
        return 0
