"""The decay and the step size of a recurrence, parametrised and initialised as in Mamba (Gu & Dao 2023, section 3.6).

B batch, L tokens, D model width, H heads, K state channels per head.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from genome.classes.alphabet import Expansion, Nonlinearity
from star.cache import Store
from star.features.feature import Feature, Weightless, parameter
from star.features.projection import Projection
from star.ops.precision import at_least_float32

SHORTEST_STEP, LONGEST_STEP = 1e-3, 1e-1
"""Range of the initial step sizes."""
FASTEST_RATE = 16.0
"""Largest initial rate of a head: Mamba-2 draws the rates of its heads from 1 to 16."""
FIRST_LOG_DECAY = -100.0
"""Log decay of the first token under a softmax over time: the empty state has no weight."""
LOWEST_BOUND = 0.01
"""Initial lower bound of the decays of the first LIV."""
GATE_DIVISOR = 16
"""Divisor of the logarithm of the gate in GLA: decays start near 0.96 per token instead of 0.5."""

_STEP: dict[int, Callable[[Tensor], Tensor]] = {Nonlinearity.NONE: F.softplus, Nonlinearity.SIGMOID: F.sigmoid}


class LogDecay(Feature):
    """a_HK = -exp(p), p learned; the rates exp(p) start at 1 to K, or with expansion 7 at 1 to 16 over the heads."""

    joinable = True

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.log_rate_HK = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return -self.log_rate_HK.exp()

    def initialise(self, generator: Generator) -> None:
        with torch.no_grad():
            if self.group.expansion is Expansion.PER_HEAD:
                self.log_rate_HK.copy_(torch.linspace(1, FASTEST_RATE, self.head_size.heads).log().unsqueeze(1))
            else:
                self.log_rate_HK.copy_(torch.arange(1, self.head_size.size + 1).log().expand_as(self.log_rate_HK))

    def flops(self) -> int:
        return 0


class NoDecay(Weightless):
    """a_HK = 0: the state forgets nothing (linear attention)."""

    joinable = True

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return x_BLD.new_zeros(self.head_size)


class FixedDecay(Weightless):
    """a_HK = log(1 - 2^(-5-h)): fixed, one for each head h (RetNet, Sun et al. 2023, eq. 8)."""

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        heads = torch.arange(self.head_size.heads, device=x_BLD.device, dtype=x_BLD.dtype)
        return torch.log1p(-(2.0 ** (-5 - heads))).unsqueeze(1).expand(self.head_size)


class GateDecay(Projection):
    """a_BLHK = logsigmoid(projection + bias) / 16, per key channel or per head (GLA, Yang et al. 2024, eq. 4)."""

    divisor: ClassVar[int] = GATE_DIVISOR

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.bias_HK = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return F.logsigmoid(super().forward(x_BLD, length, store) + self.bias_HK) / self.divisor

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.zeros_(self.bias_HK)


class ForgetGate(GateDecay):
    """a_BLHK = logsigmoid(projection + bias): decays start near 0.5 (forget gates, sliding-window recurrences)."""

    divisor = 1


class RateDecay(Projection):
    """a_BLHK = -r_H softplus(projection + p_HK), r and p learned (Gated DeltaNet, Yang et al. 2025, section 3.4).

    Rates begin uniform up to 16 (from 0 for one decay a head, from 1 for one a key channel, as in Kimi Linear, arXiv
    2510.26692), softplus(p) log-uniform in [0.001, 0.1]: the states of most heads halve after 1 to 260 tokens.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.log_rate_H1 = parameter(head_size.heads, 1)
        self.bias_HK = parameter(*head_size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return -self.log_rate_H1.exp() * F.softplus(super().forward(x_BLD, length, store) + self.bias_HK)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        draw_step_bias(self.bias_HK, generator)
        draw_rates(self.log_rate_H1, 0.0 if self.group.expansion is Expansion.PER_HEAD else 1.0, generator)


class BoundedDecay(Projection):
    """a_BLHK = log(l + (1 - l) sigmoid(projection)), l_HK learned (HGRN, Qin et al. 2023, eq. 4; HGRN2).

    The published bounds of all layers are cumulative sums of one softmax over depth, which begin at layer / depth. Here
    each LIV has a bound of its own, a sigmoid, that begins there, in the first LIV at 0.01 instead of 0.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.bound_HK = parameter(*head_size)
        self.share = 0.0

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        open_BLHK = F.logsigmoid(super().forward(x_BLD, length, store))
        return torch.logaddexp(F.logsigmoid(self.bound_HK), F.logsigmoid(-self.bound_HK) + open_BLHK)

    def place(self, share: float) -> None:
        self.share = share

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.constant_(self.bound_HK, math.log(1 / (1 / max(self.share, LOWEST_BOUND) - 1)))


class SoftmaxDecay(Projection):
    """a_BLHK = z_{t-1} - z_t with z_t = log(exp k_0 + ... + exp k_t), where k is the projection.

    With b = 1 - exp(a) = exp(k_t - z_t), the state is a softmax over time (LightNet, Qin et al. 2024).
    """

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(x_BLD)
        k_BLHK = super().forward(x_BLD, length, store).to(wide)
        if store is None or length == k_BLHK.shape[1]:
            mass_BLHK = torch.logcumsumexp(k_BLHK, dim=1)
            before_BLHK = torch.cat([k_BLHK[:, :1] + FIRST_LOG_DECAY, mass_BLHK[:, :-1]], dim=1)
        else:
            kept_B1HK = store[f"{self.name}.mass"].unsqueeze(1).to(wide)
            if isinstance(store.places, Tensor):
                first_B111 = (store.places == 0).unsqueeze(-1).unsqueeze(-1)
                kept_B1HK = torch.where(first_B111, k_BLHK[:, :1] + FIRST_LOG_DECAY, kept_B1HK)
            mass_BLHK = torch.logcumsumexp(torch.cat([kept_B1HK, k_BLHK], dim=1), dim=1)
            before_BLHK, mass_BLHK = mass_BLHK[:, :-1], mass_BLHK[:, 1:]
        if store is not None:
            store[f"{self.name}.mass"] = mass_BLHK[:, -1].to(store[f"{self.name}.mass"].dtype)
        return F.logsigmoid(before_BLHK - k_BLHK).to(x_BLD.dtype)

    def memory(self) -> dict[str, tuple[int, ...]]:
        return {**super().memory(), f"{self.name}.mass": tuple(self.head_size)}


class Complement(Weightless):
    """b_BLHK = 1 - exp(a_BLHK): keys are the share that the state forgets (HGRN, Qin et al. 2023, eq. 3)."""

    needs = ("a",)
    joinable = True

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        (a_BLHK,) = needed
        return -torch.expm1(a_BLHK)


class StepSize(Projection):
    """d_BLH1 = softplus(projection + bias), initially log-uniform in [0.001, 0.1]; or a sigmoid, initially near 0.5."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, replace(group, nonlinearity=Nonlinearity.NONE))
        self.nonlinearity = group.nonlinearity
        self.bias_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return _STEP[int(self.nonlinearity)](super().forward(x_BLD, length, store) + self.bias_H.unsqueeze(1))

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        if self.nonlinearity is Nonlinearity.SIGMOID:
            torch.nn.init.zeros_(self.bias_H)
            return
        draw_step_bias(self.bias_H, generator)


@torch.no_grad()
def draw_step_bias(bias: Tensor, generator: Generator) -> None:
    """Draw biases whose softplus is log-uniform between the shortest and the longest step."""
    steps = bias.uniform_(math.log(SHORTEST_STEP), math.log(LONGEST_STEP), generator=generator).exp()
    bias.copy_(steps.expm1().log())


@torch.no_grad()
def draw_rates(log_rate_H1: Tensor, slowest: float, generator: Generator) -> None:
    """Draw logarithms of rates that are uniform between the slowest and the fastest rate."""
    below_H1 = torch.rand(log_rate_H1.shape, generator=generator)
    log_rate_H1.copy_((FASTEST_RATE - (FASTEST_RATE - slowest) * below_H1).log())
