"""Filters h given by taps: functions of the distance in tokens, the same for every input.

B batch, L tokens, D model width, H heads, T distances, W taps, E position features, M hidden units.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from genome import GroupGenome, Heads
from genome.classes.quantities import TAPS
from star.cache import Store
from star.features.feature import Feature, parameter
from star.ops.precision import at_least_float32, without_autocast

FREQUENCIES = 8
HIDDEN = 32
SHORTEST_REACH, LONGEST_REACH = 4.0, 4096.0
"""Tokens after which the windows of the first and the last head fall to 1/e, initially."""

SINES, SINE_BAND = 64, 1e-4
"""Units of a hidden layer of Hyena's filter, and the frequency of its embedding."""
HYENA_TARGET, HYENA_SHARES = 1e-2, (1.5, 0.3)
"""The value to which a window falls, and the shares of `HYENA_LENGTH` after which the slowest and the fastest do."""
HYENA_LENGTH, STRIPED_LENGTH = 1024, 8192
"""Tokens that the filters of Hyena and of StripedHyena 2 measure positions by."""


class ExplicitFilter(Feature):
    """h_HW: every tap is a learned weight."""

    decaying = ("taps_HW",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        taps = TAPS[group.generator]
        assert taps is not None, f"{group.generator.name} is not a finite filter"
        self.taps_HW = parameter(head_size.heads, taps)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        return self.taps_HW

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.taps_HW, std=self.taps_HW.shape[1] ** -0.5, generator=generator)

    def flops(self) -> int:
        return 0


class DecayingFilter(ExplicitFilter):
    """h_HW = w exp(-rate_h t), t in tokens (Hyena-MR, Ku et al. 2025); rates are fixed, log-spaced over the heads.

    The published filter measures t as a share of the training length, so that it hardly decays within its taps; here
    the slowest filter decays to 1/e at its last tap.
    """

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(self.taps_HW)
        heads, taps = self.taps_HW.shape
        t_W = torch.arange(taps, device=self.taps_HW.device, dtype=wide)
        reach_H = torch.logspace(math.log2(SHORTEST_REACH), math.log2(taps), heads, 2, dtype=wide, device=t_W.device)
        return self.taps_HW.to(wide) * torch.exp(-t_W / reach_H.unsqueeze(1))


class WeakFilter(ExplicitFilter):
    """h_HW = w exp(-rate_h t), t as a share of 8,192 tokens: the decay of Hyena-MR as published (Ku et al. 2025).

    The rates are fixed, log-spaced from 0.01 to 100 over the heads, which is the preset `weak` of StripedHyena 2. Its
    models measure t by their training length, 8,192 tokens, so that even the fastest filter keeps a fifth at its last
    tap.
    """

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        wide = at_least_float32(self.taps_HW)
        heads, taps = self.taps_HW.shape
        share_W = torch.arange(taps, device=self.taps_HW.device, dtype=wide) / STRIPED_LENGTH
        rate_H = torch.logspace(-2, 2, heads, dtype=wide, device=share_W.device)
        return self.taps_HW.to(wide) * torch.exp(-share_W * rate_H.unsqueeze(1))


class ImplicitFilter(Feature):
    """h_HT = g_h MLP(position) exp(-rate_h t) + skip at t = 0 (Poli et al. 2023, section 3.3).

    Positions are counted in tokens, not as shares of the input length, so that the taps are the same at every length.
    The gain g_h = sqrt(1 - exp(-2 rate_h)) gives the window of every head the same energy, as LRU does for its states
    (Orvieto et al. 2023, section 3.4): without it, the output of a head with a long window would grow with the length.
    """

    decaying = ("first_ME", "second_MM", "last_HM")

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.first_ME = parameter(HIDDEN, 2 * FREQUENCIES + 1)
        self.second_MM = parameter(HIDDEN, HIDDEN)
        self.last_HM = parameter(head_size.heads, HIDDEN)
        self.log_rate_H = parameter(head_size.heads)
        self.skip_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        with without_autocast(x_BLD):
            return self._taps(length)

    def initialise(self, generator: Generator) -> None:
        for weight in (self.first_ME, self.second_MM, self.last_HM):
            torch.nn.init.normal_(weight, std=weight.shape[1] ** -0.5, generator=generator)
        torch.nn.init.normal_(self.skip_H, generator=generator)
        with torch.no_grad():
            reach = torch.linspace(math.log(SHORTEST_REACH), math.log(LONGEST_REACH), self.head_size.heads)
            self.log_rate_H.copy_(-reach)

    def flops(self) -> int:
        return 0

    def _taps(self, length: int) -> Tensor:
        wide = at_least_float32(self.last_HM)
        t_T = torch.arange(length, device=self.last_HM.device, dtype=wide)
        hidden_TM = torch.sin(_positions(t_T) @ self.first_ME.to(wide).T)
        hidden_TM = torch.sin(hidden_TM @ self.second_MM.to(wide).T)
        rate_H1 = self.log_rate_H.to(wide).exp().unsqueeze(1)
        gain_H1 = (-torch.expm1(-2 * rate_H1)).sqrt()
        h_HT = (gain_H1 * self.last_HM.to(wide) @ hidden_TM.T) * _decays(rate_H1, t_T)
        return _skipped(h_HT, self.skip_H)


class SineNet(Feature):
    """h_HT = MLP(position)_h exp(-rate_h t) + skip at t = 0: the filter of Hyena as published (Poli et al. 2023, A.2).

    The MLP has three hidden layers of sines, which share one learned frequency for each unit, and reads t and the real
    and the imaginary part of exp(-2 pi i f t) with f = 1e-4, the one frequency of an embedding of 3 numbers. The rates
    are fixed, evenly spaced over the heads, so that a filter falls to 1 % after between 0.3 and 1.5 of the length.
    Lengths are shares of 1,024 tokens, the default of the source, which takes the longest input; so the taps are the
    same at every length, and the filter goes on beyond.
    """

    decaying = ("first_M3", "second_MM", "third_MM", "last_HM")

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.first_M3 = parameter(SINES, 3)
        self.first_bias_M = parameter(SINES)
        self.second_MM = parameter(SINES, SINES)
        self.second_bias_M = parameter(SINES)
        self.third_MM = parameter(SINES, SINES)
        self.third_bias_M = parameter(SINES)
        self.last_HM = parameter(head_size.heads, SINES)
        self.frequency_M = parameter(SINES)
        self.skip_H = parameter(head_size.heads)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        with without_autocast(x_BLD):
            return self._taps(length)

    def initialise(self, generator: Generator) -> None:
        """Draw weights and biases with the bound of `torch.nn.Linear`, as the source does; frequencies begin at 1."""
        for weight, bias in self._layers():
            for drawn in (weight, bias):
                torch.nn.init.uniform_(drawn, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5, generator=generator)
        torch.nn.init.uniform_(self.last_HM, -(SINES**-0.5), SINES**-0.5, generator=generator)
        torch.nn.init.ones_(self.frequency_M)
        torch.nn.init.normal_(self.skip_H, generator=generator)

    def flops(self) -> int:
        return 0

    def _layers(self) -> tuple[tuple[Tensor, Tensor], ...]:
        return (
            (self.first_M3, self.first_bias_M),
            (self.second_MM, self.second_bias_M),
            (self.third_MM, self.third_bias_M),
        )

    def _taps(self, length: int) -> Tensor:
        wide = at_least_float32(self.last_HM)
        tokens_T = torch.arange(length, device=self.last_HM.device, dtype=wide)
        t_T, angle_T = tokens_T / (HYENA_LENGTH - 1), 2 * math.pi * SINE_BAND * tokens_T / HYENA_LENGTH
        hidden_TM = torch.stack([t_T, angle_T.cos(), -angle_T.sin()], dim=1)
        for weight, bias_M in self._layers():
            hidden_TM = torch.sin(self.frequency_M.to(wide) * (hidden_TM @ weight.to(wide).T + bias_M.to(wide)))
        slowest, fastest = (-math.log(HYENA_TARGET) / share for share in HYENA_SHARES)
        rate_H = torch.linspace(slowest, fastest, self.head_size.heads, dtype=wide, device=t_T.device)
        h_HT = (self.last_HM.to(wide) @ hidden_TM.T) * _decays(rate_H.unsqueeze(1), t_T)
        return _skipped(h_HT, self.skip_H)


def _decays(rate_H1: Tensor, t_T: Tensor) -> Tensor:
    """Compute exp(-rate t) of evenly spaced times from 0, (H, T), as products of those of near and of far times.

    The length of a graph may not be known, which then takes an exponential for each time.
    """
    if torch.compiler.is_compiling():
        return torch.exp(-rate_H1 * t_T)
    tile = math.isqrt(max(1, len(t_T) - 1)) + 1
    near_HJ, far_HQ = (torch.exp(-rate_H1 * times) for times in (t_T[:tile], t_T[::tile]))
    return (far_HQ.unsqueeze(2) * near_HJ.unsqueeze(1)).flatten(1)[:, : len(t_T)]


def _skipped(h_HT: Tensor, skip_H: Tensor) -> Tensor:
    """Add the weight of the token itself to the taps at distance 0, in place."""
    h_HT[:, 0] += skip_H
    return h_HT


def _positions(t_T: Tensor) -> Tensor:
    """Return log(1 + t), and sines and cosines with periods of 4, 16, 64, ... tokens: (T, E)."""
    periods = 4.0 ** torch.arange(1, FREQUENCIES + 1, device=t_T.device, dtype=t_T.dtype)
    angles = 2 * math.pi * t_T.unsqueeze(1) / periods
    return torch.cat([t_T.log1p().unsqueeze(1), angles.sin(), angles.cos()], dim=1)
