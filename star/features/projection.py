"""Features projected from the input: channel mixing, then a short causal convolution, then a nonlinearity.

B batch, L tokens, D model width, C channels of the feature, H heads, K channels per head (V of values), W taps, N
slices of the input with E channels each, R channels between the factors of a projection of low rank.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from genome import GroupGenome, Heads
from genome.classes.alphabet import ChannelMixing, Nonlinearity, Normalisation, Source
from genome.classes.quantities import RANKS, SHORT_CONVOLUTIONS
from star.cache import Store
from star.features.feature import Feature, Weightless, parameter
from star.nonlinearity import SIGMA, unchanged
from star.ops.convolution.causal import last_output
from star.ops.dispatch import linear, rotate, short_convolution

NORMALISE: dict[int, Callable[[Tensor], Tensor]] = {
    Normalisation.NONE: unchanged,
    Normalisation.L2: lambda x_BLHK: F.normalize(x_BLHK, dim=-1),
}


class Projection(Feature):
    """A feature (B, L, H, K) that is projected from the input (B, L, D)."""

    decaying = ("down_RD", "weight", "taps")

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.joinable = group.channel not in RANKS and group.source is Source.PROJECTED
        rank = RANKS[group.channel](width, head_size.size) if group.channel in RANKS else None
        self.down_RD = None if rank is None else parameter(rank, width)
        self.weight = parameter(*_WEIGHT_SHAPES[group.channel](width if rank is None else rank, head_size))
        self.bias_C = self.taps = self.taps_bias_C = None
        if group.token in SHORT_CONVOLUTIONS:
            convolution = SHORT_CONVOLUTIONS[group.token]
            self.bias_C = parameter(head_size.channels) if convolution.projection_biased else None
            self.taps = parameter(head_size.channels, convolution.taps)
            self.taps_bias_C = parameter(head_size.channels) if convolution.biased else None

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        y_BLC = self.projected(x_BLD)
        y_BLC = (
            SIGMA[int(self.group.nonlinearity)](y_BLC)
            if self.taps is None
            else self._convolved(y_BLC, self.taps, store)
        )
        y_BLHK = torch.unflatten(y_BLC, 2, self.head_size)
        return NORMALISE[int(self.group.normalisation)](y_BLHK)

    def projected(self, x_BLD: Tensor) -> Tensor:
        """Compute y_BLC, the feature before its convolution and nonlinearity."""
        x_BLR = x_BLD if self.down_RD is None else linear(x_BLD, self.down_RD)
        y_BLC = _PROJECT[int(self.group.channel)](x_BLR, self.weight)
        return y_BLC if self.bias_C is None else y_BLC + self.bias_C

    def initialise(self, generator: Generator) -> None:
        """Draw the weights; factors of low rank and biases uniformly with the bound of `torch.nn.Linear`."""
        if self.down_RD is None:
            torch.nn.init.normal_(self.weight, std=self.weight.shape[-1] ** -0.5, generator=generator)
        else:
            for factor in (self.down_RD, self.weight):
                _uniform(factor, factor.shape[-1], generator)
        self.initialise_convolution(generator)

    def initialise_convolution(self, generator: Generator) -> None:
        if self.taps is not None:
            taps = self.taps.shape[1]
            torch.nn.init.normal_(self.taps, std=taps**-0.5, generator=generator)
            for bias_C, inputs in ((self.bias_C, self.width), (self.taps_bias_C, taps)):
                if bias_C is not None:
                    _uniform(bias_C, inputs, generator)

    def memory(self) -> dict[str, tuple[int, ...]]:
        if self.taps is None:
            return {}
        return {f"{self.name}.conv": (self.taps.shape[1] - 1, self.head_size.channels)}

    def _convolved(self, x_BLC: Tensor, taps_CW: Tensor, store: Store | None) -> Tensor:
        """Convolve, and apply the nonlinearity: SiLU in one pass with the convolution where a kernel does.

        The kernels add no bias.
        """
        fused = self.group.nonlinearity is Nonlinearity.SILU and self.taps_bias_C is None
        if store is None:
            y_BLC = short_convolution(x_BLC, taps_CW, fused)
        else:
            seen_BTC = store.append(f"{self.name}.conv", x_BLC, keep=taps_CW.shape[1] - 1)
            if torch.compiler.is_compiling() or x_BLC.shape[1] > 1:  # a graph is not made for one length
                y_BLC = short_convolution(seen_BTC, taps_CW, fused)[:, -x_BLC.shape[1] :]
            else:
                y_BLC, fused = last_output(seen_BTC, taps_CW), False
        y_BLC = y_BLC if self.taps_bias_C is None else y_BLC + self.taps_bias_C
        return y_BLC if fused else SIGMA[int(self.group.nonlinearity)](y_BLC)


class BiasedProjection(Projection):
    """A projection with a bias that is initially zero."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.bias_C: nn.Parameter = parameter(head_size.channels)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.zeros_(self.bias_C)


class ConvolvedInput(Projection):
    """x_BLHK: the input after a short convolution and a nonlinearity, without a projection (xLSTM, figure 10)."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.joinable = False
        del self.weight

    def projected(self, x_BLD: Tensor) -> Tensor:
        return x_BLD

    def initialise(self, generator: Generator) -> None:
        self.initialise_convolution(generator)


class RotatedProjection(Projection):
    """Queries or keys rotated by their positions, as in RetNet (Sun et al. 2023, eq. 3)."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return rotate(super().forward(x_BLD, length, store), 0 if store is None else store.places)


class TiedValues(Weightless):
    """v_BLHV = b_BLHK[..., :V]: keys and values share a latent (DeepSeek-AI 2024, arXiv 2405.04434)."""

    needs = ("b",)
    joinable = True

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        (b_BLHK,) = needed
        return b_BLHK[..., : self.head_size.size]


def _uniform(weight: Tensor, inputs: int, generator: Generator) -> None:
    torch.nn.init.uniform_(weight, -(inputs**-0.5), inputs**-0.5, generator=generator)


def _scaled(x_BLD: Tensor, weight_C1: Tensor) -> Tensor:
    """Multiply the input by each of P diagonals, C = P D."""
    return (x_BLD.unsqueeze(2) * weight_C1.view(-1, x_BLD.shape[2])).flatten(2)


def _blocks(x_BLD: Tensor, weight_HKE: Tensor) -> Tensor:
    """Project each slice of the input, E channels, to its head; heads beyond the last slice begin with the first."""
    x_BLNE = torch.unflatten(x_BLD, 2, (-1, weight_HKE.shape[2]))
    weight_PNKE = torch.unflatten(weight_HKE, 0, (-1, x_BLNE.shape[2]))
    return torch.einsum("blne,pnke->blpnk", x_BLNE, weight_PNKE).flatten(2)


_PROJECT: dict[int, Callable[[Tensor, Tensor], Tensor]] = {
    ChannelMixing.DIAGONAL: _scaled,
    ChannelMixing.DENSE: linear,
    ChannelMixing.GROUPED: _blocks,
    **dict.fromkeys(RANKS, linear),
}

_WEIGHT_SHAPES: dict[ChannelMixing, Callable[[int, Heads], tuple[int, ...]]] = {
    ChannelMixing.DIAGONAL: lambda width, head_size: (width, 1),
    **dict.fromkeys(
        (ChannelMixing.DENSE, ChannelMixing.ROUTED, *RANKS), lambda width, head_size: (head_size.channels, width)
    ),
    ChannelMixing.GROUPED: lambda width, head_size: (head_size.heads, head_size.size, width // head_size.heads),
}
"""The shape of the weight that a feature is projected with, or that each route is projected with."""
