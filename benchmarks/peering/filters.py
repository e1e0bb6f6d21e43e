"""Long filters: the layers of two papers, written here in a few lines of PyTorch, with one Fourier transform.

No package has them for a CPU. They compute what ours computes, from the same weights, without any of its code.

B batch, L tokens, D model width, N modes, M hidden units of a filter net.
"""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from peering.ours import Weights, filled, latest_last, layers
from peering.pair import Layer, Row, Sizes
from torch import Tensor, nn

UNITS, MEASURE = 64, 1024
"""Hidden units of Hyena's filter net, and the length by which it measures positions."""


def fourier_convolution(u_BDL: Tensor, h_DL: Tensor) -> Tensor:
    """Convolve causally by a Fourier transform of twice the length."""
    n = 2 * u_BDL.shape[-1]
    y_BDN: Tensor = torch.fft.irfft(torch.fft.rfft(u_BDL, n=n) * torch.fft.rfft(h_DL, n=n), n=n)
    return y_BDN[..., : u_BDL.shape[-1]]


class PlainHyena(nn.Module):
    """Hyena of order 2 (Poli et al. 2023): y = x0 (h * (x1 v)), projected, with a filter net of sines."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.within = nn.Linear(width, 3 * width)
        self.short = nn.Conv1d(3 * width, 3 * width, 3, padding=2, groups=3 * width)
        self.net = nn.ModuleList([nn.Linear(3, UNITS), nn.Linear(UNITS, UNITS), nn.Linear(UNITS, UNITS)])
        self.frequency_M = nn.Parameter(torch.empty(UNITS))
        self.last = nn.Linear(UNITS, width, bias=False)
        self.skip_D = nn.Parameter(torch.empty(width))
        self.out = nn.Linear(width, width)
        self.rate_D = torch.linspace(-math.log(1e-2) / 1.5, -math.log(1e-2) / 0.3, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        length = x_BLD.shape[1]
        convolved = self.short(self.within(x_BLD).transpose(1, 2))[..., :length]
        x0_BDL, x1_BDL, v_BDL = convolved.chunk(3, dim=1)
        u_BDL = x1_BDL * v_BDL
        y_BDL = fourier_convolution(u_BDL, self.filter(length)) + self.skip_D.unsqueeze(1) * u_BDL
        y_BLD: Tensor = self.out((x0_BDL * y_BDL).transpose(1, 2))
        return y_BLD

    def filter(self, length: int) -> Tensor:
        place_L = torch.arange(length)
        t_L, angle_L = place_L / (MEASURE - 1), 2e-4 * math.pi * place_L / MEASURE
        z = torch.stack([t_L, angle_L.cos(), -angle_L.sin()], dim=1)
        for layer in self.net:
            z = torch.sin(self.frequency_M * layer(z))
        h_DL: Tensor = self.last(z).T * torch.exp(-self.rate_D.unsqueeze(1) * t_L)
        return h_DL


class PlainS4D(nn.Module):
    """S4D-Lin (Gu et al. 2022) with GELU and a gated linear unit: its filter is a Vandermonde product."""

    def __init__(self, width: int, pairs: int) -> None:
        super().__init__()
        self.log_step_D = nn.Parameter(torch.empty(width))
        self.log_rate_DN = nn.Parameter(torch.empty(width, pairs))
        self.frequency_DN = nn.Parameter(torch.empty(width, pairs))
        self.output_DN2 = nn.Parameter(torch.empty(width, pairs, 2))
        self.skip_D = nn.Parameter(torch.empty(width))
        self.scale_D = nn.Parameter(torch.empty(width))
        self.out = nn.Linear(width, 2 * width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        u_BDL = (self.scale_D * x_BLD).transpose(1, 2)
        y_BDL = fourier_convolution(u_BDL, self.filter(x_BLD.shape[1])) + self.skip_D.unsqueeze(1) * u_BDL
        return F.glu(self.out(F.gelu(y_BDL).transpose(1, 2)))

    def filter(self, length: int) -> Tensor:
        a_DN = torch.complex(-self.log_rate_DN.exp(), self.frequency_DN)
        pole_DN = self.log_step_D.exp().unsqueeze(1) * a_DN
        residue_DN = torch.view_as_complex(self.output_DN2) * (pole_DN.exp() - 1) / a_DN
        powers_DNL = torch.exp(pole_DN.unsqueeze(2) * torch.arange(length))
        return 2 * torch.einsum("dn,dnl->dl", residue_DN, powers_DNL).real


def _hyena(sizes: Sizes, weights: Weights) -> Layer:
    given = {
        "within.weight": torch.cat([weights[f"{name}.weight"] for name in "cbv"]),
        "within.bias": torch.cat([weights[f"{name}.bias_C"] for name in "cbv"]),
        "short.weight": latest_last(torch.cat([weights[f"{name}.taps"] for name in "cbv"])),
        "short.bias": torch.cat([weights[f"{name}.taps_bias_C"] for name in "cbv"]),
        "frequency_M": weights["h.frequency_M"],
        "last.weight": weights["h.last_HM"],
        "skip_D": weights["h.skip_H"],
        "out.weight": weights["out_DC"],
        "out.bias": weights["g.bias_D1"],
    }
    for n, name in enumerate(("first_M3", "second_MM", "third_MM")):
        given[f"net.{n}.weight"] = weights[f"h.{name}"]
        given[f"net.{n}.bias"] = weights[f"h.{name.partition('_')[0]}_bias_M"]
    module = filled(PlainHyena(sizes.width), given)
    return Layer(module, module)


def _s4d(sizes: Sizes, weights: Weights) -> Layer:
    given = {
        "log_step_D": weights["h.log_step_H"],
        "log_rate_DN": weights["h.log_rate_HN"],
        "frequency_DN": weights["h.frequency_HN"],
        "output_DN2": weights["h.output_HN2"],
        "skip_D": weights["h.skip_H"],
        "scale_D": weights["v.weight"],
        "out.weight": torch.cat([weights["out_DC"], weights["g.gate_DC"]]),
        "out.bias": torch.cat([weights["g.bias_D1"], weights["g.gate_bias_D1"]]),
    }
    module = filled(PlainS4D(sizes.width, weights["h.log_rate_HN"].shape[1]), given)
    return Layer(module, module)


_layer = partial(Row, packages=(), compared="layer", narrow_lengths=(8192,))

FILTERS = (
    _layer("Hyena-Published", "plain Fourier transform", build=layers("Hyena-Published", _hyena)),
    _layer("S4D-Published", "plain Vandermonde product and Fourier transform", build=layers("S4D-Published", _s4d)),
)
