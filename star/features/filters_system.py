"""Filters of state-space models whose matrix is not diagonal, for `star.ops.convolution.state_space.System`.

All return h_HMM = [[A, B], [C, D]] with (s_{t+1}, y_t) = h (s_t, u_t): h_0 is D and h_t is C A^{t-1} B.

B batch, L tokens, D model width (in other names B, C and D are parts of h), H heads, N numbers of state, P = N / 2
pairs, M = N + 1.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from genome.classes.quantities import STATES
from star.cache import Store
from star.features.decay import LONGEST_STEP, SHORTEST_STEP
from star.features.feature import Feature, parameter
from star.features.hippo import legs, normal_plus_rank_one
from star.ops.precision import at_least_float32, without_autocast

LARGEST_NORM = 1 - 2**-8
"""Largest L1 norm of the denominator of a rational filter.

The slowest pole of a filter of order 16 then has magnitude (1 - 2^-8)^(1/16): its taps fall to 1/e in 4,096 tokens,
the longest reach that an implicit filter starts with.
"""


class SystemFilter(Feature):
    """A state-space model with a learned output map C and a learned skip D from input to output."""

    decaying = ("output_HN",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.order = STATES[group.generator]
        self.output_HN = parameter(head_size.heads, self.order)
        self.skip_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(self.output_HN)
        with without_autocast(x_BLD):
            return self.system(*(weight.to(wide) for weight in self.parameters()))

    @abstractmethod
    def system(self, output_HN: Tensor, skip_H: Tensor, *weights: Tensor) -> Tensor:
        """Return h_HMM from the weights in the order of their definition, in float32 at least."""

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.output_HN, std=self.order**-0.5, generator=generator)
        torch.nn.init.normal_(self.skip_H, generator=generator)

    def flops(self) -> int:
        return 0


class DenseFilter(SystemFilter):
    """LSSL with fixed A and B of HiPPO-LegS; C, D and the step sizes are learned (Gu et al. 2021)."""

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.log_step_H = parameter(head_size.heads)

    def system(self, output_HN: Tensor, skip_H: Tensor, *weights: Tensor) -> Tensor:
        (log_step_H,) = weights
        a_NN, b_N = (constant.to(output_HN) for constant in legs(self.order, output_HN.device))
        return bilinear(a_NN, b_N.expand_as(output_HN), output_HN, skip_H, log_step_H)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            self.log_step_H.uniform_(math.log(SHORTEST_STEP), math.log(LONGEST_STEP), generator=generator)


class DiagonalPlusLowRankFilter(DenseFilter):
    """S4 (Gu et al. 2022): A = S - p p^T, S the real form of conjugate pairs; initially HiPPO-LegS, all learned.

    The symmetric part of A is negative for all weights, so the state of the bilinear system does not grow.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.log_rate_HP = parameter(head_size.heads, self.order // 2)
        self.frequency_HP = parameter(head_size.heads, self.order // 2)
        self.low_rank_HN = parameter(head_size.heads, self.order)
        self.input_HN = parameter(head_size.heads, self.order)

    def system(self, output_HN: Tensor, skip_H: Tensor, *weights: Tensor) -> Tensor:
        log_step_H, log_rate_HP, frequency_HP, low_rank_HN, input_HN = weights
        turning_HN = torch.stack([frequency_HP, torch.zeros_like(frequency_HP)], dim=2).flatten(1)[:, :-1]
        turns_HNN = torch.diag_embed(turning_HN, offset=-1) - torch.diag_embed(turning_HN, offset=1)
        rates_HNN = torch.diag_embed(log_rate_HP.exp().repeat_interleave(2, dim=1))
        a_HNN = turns_HNN - rates_HNN - low_rank_HN.unsqueeze(2) * low_rank_HN.unsqueeze(1)
        return bilinear(a_HNN, input_HN, output_HN, skip_H, log_step_H)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        with torch.no_grad():
            self.log_rate_HP.fill_(math.log(0.5))
            for weight, value in zip(
                (self.frequency_HP, self.low_rank_HN, self.input_HN), normal_plus_rank_one(self.order), strict=True
            ):
                weight.copy_(value.expand_as(weight))


class CompanionFilter(SystemFilter):
    """SpaceTime (Zhang et al. 2023): A shifts the state by one place and adds a times its last number.

    The L1 norm of a is at most 1, as published, so that no pole lies outside the unit circle. This bound is not
    strict: a pole may lie on the circle.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.feedback_HN = parameter(head_size.heads, self.order)
        self.input_HN = parameter(head_size.heads, self.order)

    def system(self, output_HN: Tensor, skip_H: Tensor, *weights: Tensor) -> Tensor:
        feedback_HN, input_HN = weights
        a_HNN = _shifts(output_HN) + torch.nn.functional.pad(_bounded(feedback_HN, 1).unsqueeze(2), (self.order - 1, 0))
        return _after_input(a_HNN, input_HN, output_HN, skip_H)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        for weight in (self.feedback_HN, self.input_HN):
            torch.nn.init.normal_(weight, std=self.order**-0.5, generator=generator)


class RationalFilter(SystemFilter):
    """RTF (Parnichkun et al. 2024): H(z) = h0 + (c_1/z + ... + c_N/z^N) / (1 + a_1/z + ... + a_N/z^N).

    The system is in controllable canonical form, so that the numerator is the output map, h_0 is the skip, and the
    filter is not truncated at the length of the input. The L1 norm of a is at most `LARGEST_NORM`, because Montel's
    bound is strict: an L1 norm below 1 keeps all poles inside the unit circle, and at 1 a pole may lie on it.
    """

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.denominator_HN = parameter(head_size.heads, self.order)

    def system(self, output_HN: Tensor, skip_H: Tensor, *weights: Tensor) -> Tensor:
        (denominator_HN,) = weights
        first_HNN = torch.nn.functional.pad(
            -_bounded(denominator_HN, LARGEST_NORM).unsqueeze(1), (0, 0, 0, self.order - 1)
        )
        enters_HN = torch.eye(1, self.order, dtype=output_HN.dtype, device=output_HN.device).expand_as(output_HN)
        return _assembled(_shifts(output_HN) + first_HNN, enters_HN, output_HN, skip_H)

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.normal_(self.denominator_HN, std=self.order**-0.5, generator=generator)


class RationalFilterFromZero(RationalFilter):
    """RTF from its default start: numerator and denominator are zero, so that the filter is its skip h0 alone."""

    def initialise(self, generator: Generator) -> None:
        super().initialise(generator)
        torch.nn.init.zeros_(self.output_HN)
        torch.nn.init.zeros_(self.denominator_HN)


def bilinear(a_NN: Tensor, b_HN: Tensor, c_HN: Tensor, d_H: Tensor, log_step_H: Tensor) -> Tensor:
    """Discretise x' = A x + B u, y = C x + D u by the trapezoid rule with steps dt; y_t depends on u_t: h_HMM."""
    half_H11 = log_step_H.exp()[:, None, None] / 2
    one_NN = torch.eye(a_NN.shape[-1], dtype=a_NN.dtype, device=a_NN.device)
    right_HNM = torch.cat(
        [(one_NN + half_H11 * a_NN).expand(len(d_H), -1, -1), 2 * half_H11 * b_HN.unsqueeze(2)], dim=2
    )
    moved_HNM = torch.linalg.solve(one_NN - half_H11 * a_NN, right_HNM)
    return _after_input(moved_HNM[..., :-1], moved_HNM[..., -1], c_HN, d_H)


def _after_input(a_HNN: Tensor, b_HN: Tensor, c_HN: Tensor, d_H: Tensor) -> Tensor:
    """Rewrite x_t = A x_{t-1} + B u_t, y_t = C x_t + D u_t so that y_t depends on x_{t-1} and u_t: h_HMM."""
    through_HN = torch.einsum("hn,hnm->hm", c_HN, a_HNN)
    return _assembled(a_HNN, b_HN, through_HN, d_H + (c_HN * b_HN).sum(1))


def _assembled(a_HNN: Tensor, b_HN: Tensor, c_HN: Tensor, d_H: Tensor) -> Tensor:
    upper_HNM = torch.cat([a_HNN, b_HN.unsqueeze(2)], dim=2)
    return torch.cat([upper_HNM, torch.cat([c_HN, d_H.unsqueeze(1)], dim=1).unsqueeze(1)], dim=1)


def _shifts(like_HN: Tensor) -> Tensor:
    """Return the matrices that shift the numbers of the state by one place: (H, N, N)."""
    return torch.diag_embed(torch.ones_like(like_HN[:, 1:]), offset=-1)


def _bounded(a_HN: Tensor, largest: float) -> Tensor:
    """Scale coefficients to an L1 norm of `largest` if their norm is larger."""
    return a_HN * (largest / a_HN.abs().sum(1, keepdim=True).clamp_min(largest))
