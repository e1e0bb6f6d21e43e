"""What is done to the output of a structure: values, a normalisation and a gate, an activation and its projection.

B batch, L tokens, H heads, V value channels per head, C = H V, D model width, E columns of an output layer: 1, or C + 2
with the gate of a GLU, N operators side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from genome.classes.alphabet import Nonlinearity, Normalisation
from star.cache import Store
from star.features.feature import Feature, parameter
from star.features.projection import Projection
from star.nonlinearity import SIGMA
from star.ops.precision import at_least_float32

SMALLEST = 1e-6
"""Constant added to the mean square before normalisation."""


class OutputGate(Projection):
    """o_BLHV without normalisation: the normalisation of the group applies to the output that the gate multiplies."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, replace(group, normalisation=Normalisation.NONE))


class SkipWeight(Feature):
    """s_HV: learned weights of the values in the output, initially ones (D of Mamba, Gu & Dao 2023, algorithm 2)."""

    joinable = True

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.weight_HV = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.weight_HV

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.ones_(self.weight_HV)

    def flops(self) -> int:
        return 0


class OutputLayer(Feature):
    """g_DE: the biases of a projection that follows an activation, initially zero; E = 1."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.bias_D1 = parameter(width, 1)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.bias_D1

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.zeros_(self.bias_D1)


class GatedOutputLayer(OutputLayer):
    """g_DE: the biases of a gated linear unit and the weights of its gate; E = C + 2 (Dauphin et al. 2017, eq. 1)."""

    decaying = ("gate_DC",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.gate_bias_D1 = parameter(width, 1)
        self.gate_DC = parameter(width, head_size.channels)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return torch.cat([self.bias_D1, self.gate_bias_D1, self.gate_DC], dim=1)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.zeros_(self.gate_bias_D1)
        torch.nn.init.normal_(self.gate_DC, std=self.gate_DC.shape[1] ** -0.5, generator=generator)


def gated(y_BLHV: Tensor, o_BLHV: Tensor, normalisation: Normalisation, heads: int) -> Tensor:
    """Multiply the output by the gate, and normalise it as the digit says.

    Learned gains of a normalisation are part of the output projection.

    Args:
        heads: heads that are normalised together by the digits 3 and 4; the H heads may be those of several operators.
    """
    return _GATED[int(normalisation)](y_BLHV, o_BLHV, heads)


def _by_head(y_BLHV: Tensor, o_BLHV: Tensor, heads: int) -> Tensor:
    return y_BLHV * _inverse_rms(y_BLHV, -1).to(y_BLHV.dtype) * o_BLHV


def _group(y_BLHV: Tensor, o_BLHV: Tensor, heads: int) -> Tensor:
    wide_BLHV = y_BLHV.to(at_least_float32(y_BLHV))
    return F.layer_norm(wide_BLHV, wide_BLHV.shape[-1:], eps=SMALLEST).to(y_BLHV.dtype) * o_BLHV


def _whole(y_BLHV: Tensor, heads: int) -> Tensor:
    y_BLNHV = torch.unflatten(y_BLHV, 2, (-1, heads))
    return (y_BLNHV * _inverse_rms(y_BLNHV, (-2, -1)).to(y_BLHV.dtype)).flatten(2, 3)


def _inverse_rms(y: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    return (y.to(at_least_float32(y)).square().mean(dims, keepdim=True) + SMALLEST).rsqrt()


_GATED: dict[int, Callable[[Tensor, Tensor, int], Tensor]] = {
    Normalisation.NONE: lambda y_BLHV, o_BLHV, heads: y_BLHV * o_BLHV,
    Normalisation.L2: _by_head,
    Normalisation.WHOLE: lambda y_BLHV, o_BLHV, heads: _whole(y_BLHV, heads) * o_BLHV,
    Normalisation.GROUP: _group,
    Normalisation.GATED: lambda y_BLHV, o_BLHV, heads: _whole(y_BLHV * o_BLHV, heads),
}


def activated(y_BLHV: Tensor, g_DE: Tensor, out_DC: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """Project the activated output with biases, W s(y) + b, or by a GLU, (W s(y) + b) sigmoid(G s(y) + e): (B, L, D).

    GELU and a GLU follow the filter in S4 (Gu et al. 2022) and in most models after it. Without them the layer is
    linear and time-invariant. GELU(y) is y times a factor of y, so the operator remains a linear input-varying one.
    """
    y_BLC = SIGMA[int(nonlinearity)](y_BLHV.flatten(2))
    z_BLD = F.linear(y_BLC, out_DC, g_DE[:, 0])
    return z_BLD if g_DE.shape[1] == 1 else z_BLD * F.linear(y_BLC, g_DE[:, 2:], g_DE[:, 1]).sigmoid()
