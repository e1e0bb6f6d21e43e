"""Queries, keys, values, decays and shares of memories that project and convolve for themselves (Du et al. 2025).

A memory convolves the tokens that take it as if there were no others. Queries are one projection for all memories;
keys, values, decays and shares have weights for each memory. The taps of convolutions, the rates of decays and the
biases of their steps are the same for all memories, as in the code of the source. A token has its heads for each memory
that it takes, one after the other, in the order of the memories.

B batch, L tokens, D model width, M memories, S slots (memories that a token takes), H heads, K channels per head, C = H
K channels, N cells of a line.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import FeaturizerGenome, GroupGenome, Heads
from genome.classes.feature_groups import ROUTES
from genome.classes.quantities import ROUTE_CHOICES
from star.cache import Store
from star.features.decay import draw_rates, draw_step_bias
from star.features.feature import parameter
from star.features.projection import NORMALISE, Projection
from star.nonlinearity import SIGMA
from star.ops.dispatch import linear
from star.ops.experts.packed import to_experts
from star.ops.routing import chosen, line


class MemoryQueries(Projection):
    """c with S H heads: one projection, which each memory convolves for itself.

    Args:
        head_size: heads and channels per head of one memory.
        memories: the number of memories, shared ones included.
        taken: the largest number of memories that a token takes, S.
    """

    needs = (ROUTES,)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, memories: int, taken: int) -> None:
        super().__init__(name, width, head_size, group)
        self.joinable = False
        self.memories = memories
        self.taken = taken

    @classmethod
    def of(cls, name: str, width: int, head_sizes: Mapping[str, Heads], genome: FeaturizerGenome) -> MemoryQueries:
        memories, taken = head_sizes[ROUTES].size, ROUTE_CHOICES[genome[ROUTES].generator].total
        size = head_sizes[name]._replace(heads=head_sizes[name].heads // taken)
        return cls(name, width, size, genome[name], memories, taken)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        (r_BL1M,) = needed
        y_BLSC = self.by_memory(x_BLD, r_BL1M, store)
        if self.taps is None:
            y_BLSC = SIGMA[int(self.group.nonlinearity)](y_BLSC)
        else:
            y_BLSC = self._convolved_by_memory(y_BLSC, self.taps, r_BL1M, store)
        y_BLSHK = torch.unflatten(y_BLSC, 3, self.head_size)
        return NORMALISE[int(self.group.normalisation)](y_BLSHK.flatten(2, 3))

    def by_memory(self, x_BLD: Tensor, r_BL1M: Tensor, store: Store | None) -> Tensor:
        """Compute y_BLSC, what each memory projects, before its convolution and nonlinearity."""
        return self.projected(x_BLD).unsqueeze(2).expand(-1, -1, self.taken, -1)

    def memory(self) -> dict[str, tuple[int, ...]]:
        return {name: (self.memories, *size) for name, size in super().memory().items()}

    def flops(self) -> int:
        """Count the projection, and the convolutions of the memories that a token takes."""
        taps = 0 if self.taps is None else self.taps.numel()
        return 2 * (self.weight.numel() + self.taken * taps)

    def _convolved_by_memory(self, x_BLSC: Tensor, taps_CW: Tensor, r_BL1M: Tensor, store: Store | None) -> Tensor:
        cells, name = line(r_BL1M, self.taken, taps_CW.shape[1] - 1), f"{self.name}.conv"
        x_BNC = cells.pack(x_BLSC, None if store is None else store[name])
        if store is not None:
            store[name] = cells.last(x_BNC, store[name])
        return cells.unpack(self._convolved(x_BNC, taps_CW, None))


class MemoryProjection(MemoryQueries):
    """b, d or v with S H heads: each memory has a projection of its own.

    In training all memories are projected at once, also those that a token does not take.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, memories: int, taken: int) -> None:
        super().__init__(name, width, head_size, group, memories, taken)
        self.weight = parameter(memories, head_size.channels, width)

    def by_memory(self, x_BLD: Tensor, r_BL1M: Tensor, store: Store | None) -> Tensor:
        if store is not None:
            return to_experts(x_BLD, r_BL1M, self.weight, self.taken)
        y_BLMC = torch.unflatten(linear(x_BLD, self.weight.flatten(0, 1)), 2, self.weight.shape[:2])
        chosen_BLS, _ = chosen(r_BL1M, self.taken)
        return y_BLMC.gather(2, chosen_BLS.unsqueeze(3).expand(-1, -1, -1, y_BLMC.shape[3]))

    def flops(self) -> int:
        return super().flops() - 2 * (self.memories - self.taken) * self.weight[0].numel()


class MemoryDecay(MemoryProjection):
    """a = -r_H softplus(projection + p_H) with S H heads; the memories share r and p, which begin as in `RateDecay`."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, memories: int, taken: int) -> None:
        super().__init__(name, width, head_size, group, memories, taken)
        self.log_rate_H1 = parameter(head_size.heads, 1)
        self.bias_HK = parameter(*head_size)

    def by_memory(self, x_BLD: Tensor, r_BL1M: Tensor, store: Store | None) -> Tensor:
        y_BLSH = super().by_memory(x_BLD, r_BL1M, store) + self.bias_HK.squeeze(1)
        return -self.log_rate_H1.squeeze(1).exp() * F.softplus(y_BLSH)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        draw_step_bias(self.bias_HK, generator)
        draw_rates(self.log_rate_H1, 0.0, generator)
