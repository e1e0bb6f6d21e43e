"""Filters that are sums of decaying modes, as rows (log pole, residue) for `star.ops.convolution.state_space.Modes`.

The last row is the skip, the direct path from input to output at distance 0 (D in state-space models).

B batch, L tokens, D model width, H heads, N modes, M = N + 1 rows, P frequencies.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from genome.classes.quantities import STATES
from star.cache import Store
from star.features.decay import LONGEST_STEP, SHORTEST_STEP
from star.features.feature import Feature, parameter
from star.features.hippo import normal_plus_rank_one
from star.ops.convolution.state_space import FORGOTTEN
from star.ops.precision import at_least_float32

SLOWEST, FASTEST = 0.01, 0.1
"""Initial decay rates of real modes, per token (Hyena-LI)."""


class RealModalFilter(Feature):
    """h_t = sum_n R_n exp(-rate_n t), real poles, and a skip at t = 0: h_HM2 (Hyena-LI, Ku et al. 2025)."""

    decaying = ("residue_HN",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.log_rate_HN = parameter(head_size.heads, STATES[group.generator])
        self.residue_HN = parameter(head_size.heads, STATES[group.generator])
        self.skip_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(self.residue_HN)
        modes_HN2 = torch.stack([-self.log_rate_HN.to(wide).exp(), self.residue_HN.to(wide)], dim=-1)
        return _with_skip(modes_HN2, self.skip_H)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.residue_HN, std=self.residue_HN.shape[1] ** -0.5, generator=generator)
        torch.nn.init.normal_(self.skip_H, generator=generator)
        with torch.no_grad():
            self.log_rate_HN.uniform_(math.log(SLOWEST), math.log(FASTEST), generator=generator)

    def flops(self) -> int:
        return 0


class ComplexModalFilter(Feature):
    """h_t = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n t), and a skip at t = 0: h_HM4.

    S4D-Lin (Gu et al. 2022, "On the Parameterization and Initialization of Diagonal State Space Models"): zero-order
    hold, B = 1, A_n = -1/2 + i pi n, one step size dt per head. Each mode stands for a conjugate pair.
    """

    decaying = ("output_HN2",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        pairs = STATES[group.generator] // 2
        self.log_step_H = parameter(head_size.heads)
        self.log_rate_HN = parameter(head_size.heads, pairs)
        self.frequency_HN = parameter(head_size.heads, pairs)
        self.output_HN2 = parameter(head_size.heads, pairs, 2)
        self.skip_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(self.output_HN2)
        a_HN = torch.complex(-self.log_rate_HN.to(wide).exp(), self.frequency_HN.to(wide))
        pole_HN = a_HN * self.log_step_H.to(wide).exp().unsqueeze(1)
        residue_HN = 2 * torch.view_as_complex(self.output_HN2.to(wide)) * self._input(pole_HN, a_HN)
        return _with_skip(torch.cat([torch.view_as_real(pole_HN), torch.view_as_real(residue_HN)], dim=-1), self.skip_H)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.output_HN2, std=0.5**0.5, generator=generator)
        torch.nn.init.normal_(self.skip_H, generator=generator)
        with torch.no_grad():
            self.log_step_H.uniform_(math.log(SHORTEST_STEP), math.log(LONGEST_STEP), generator=generator)
            self.log_rate_HN.fill_(math.log(0.5))
            self.frequency_HN.copy_(self._frequencies())

    @torch.no_grad()
    def become(self, log_pole_HN: Tensor, residue_HN: Tensor, skip_H: Tensor) -> None:
        """Set the weights so that h_t = Re sum_n residue_n exp(log_pole_n t), with the skip added at t = 0.

        Args:
            log_pole_HN: complex, with a negative real part.
        """
        self.log_step_H.zero_()
        self.log_rate_HN.copy_((-log_pole_HN.real).log())
        self.frequency_HN.copy_(log_pole_HN.imag)
        self.output_HN2.copy_(torch.view_as_real(residue_HN / (2 * self._input(log_pole_HN, log_pole_HN))))
        self.skip_H.copy_(skip_H)

    def flops(self) -> int:
        return 0

    def _input(self, pole_HN: Tensor, a_HN: Tensor) -> Tensor:
        """Compute B of the discrete system, the zero-order hold of B = 1."""
        return torch.expm1(pole_HN) / a_HN

    def _frequencies(self) -> Tensor:
        return math.pi * torch.arange(self.frequency_HN.shape[1]).expand_as(self.frequency_HN)


class NormalisedModalFilter(ComplexModalFilter):
    """h_t = 2 Re sum_n (C_n / A_n) softmax_t(dt A_n t), A from HiPPO-LegS (DSS, Gupta et al. 2022, proposition 1b).

    The softmax of the paper runs over the positions of the input, so that the filter changes with the length. Here it
    runs over all distances; all poles lie inside the unit circle, so the sum of exp(dt A_n t) is 1 / (1 - exp(dt A_n)).
    """

    def _input(self, pole_HN: Tensor, a_HN: Tensor) -> Tensor:
        return -torch.expm1(pole_HN) / a_HN

    def _frequencies(self) -> Tensor:
        return _legs_frequencies(2 * self.frequency_HN.shape[1]).expand_as(self.frequency_HN)


class PairFilter(ComplexModalFilter):
    """One conjugate pair for each head, with frequencies of HiPPO-LegS; as in S5, each channel holds part of the state.

    S5 maps real and imaginary parts to outputs freely; here a channel outputs one combination of the two.
    """

    def _frequencies(self) -> Tensor:
        known_P = _legs_frequencies(16)
        return known_P[torch.arange(self.head_size.heads) % len(known_P)].unsqueeze(1)


def _legs_frequencies(order: int) -> Tensor:
    return normal_plus_rank_one(order)[0]


def _with_skip(modes_HN: Tensor, skip_H: Tensor) -> Tensor:
    """Append the row of the skip: a real residue, with a pole that decays to zero in one token."""
    numbers = modes_HN.shape[-1]
    row_H = [modes_HN.new_zeros(len(skip_H))] * numbers
    row_H[0], row_H[numbers // 2] = modes_HN.new_full((len(skip_H),), FORGOTTEN), skip_H.to(modes_HN.dtype)
    return torch.cat([modes_HN, torch.stack(row_H, dim=-1).unsqueeze(1)], dim=1)
