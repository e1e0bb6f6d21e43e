"""Hyena rows are the layers of their sources: x0 (h * (x1 v)) + D x1 v, each of them convolved by 3 taps.

Each reference is written from the formulas of the paper, token by token.

B batch, L tokens, D model width, H heads, K channels of a head.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from tests.star.published.layers import SHAPE, same_as


def _short(x_BLD, w, name):
    """Project, and convolve by 3 taps: torch's convolution has its last tap at the current token."""
    bias_D, taps_bias_D = w.get(f"{name}.bias_C"), w.get(f"{name}.taps_bias_C")
    z_BDL = F.pad(F.linear(x_BLD, w[f"{name}.weight"], bias_D).transpose(1, 2), (2, 0))
    taps_D1W = w[f"{name}.taps"].flip(1).unsqueeze(1)
    return F.conv1d(z_BDL, taps_D1W, taps_bias_D, groups=len(taps_D1W)).transpose(1, 2)


def _sine_net(w, length):
    """Poli et al. 2023, appendix A.2, with the defaults of their code at a length of 1,024 tokens."""
    t_L = torch.linspace(0, 1, 1024, dtype=torch.float64)[:length]
    wave_L = torch.exp(-2j * math.pi * 1e-4 * torch.linspace(0, 1023, 1024, dtype=torch.float64)[:length] / 1024)
    z_L3 = torch.stack([t_L, wave_L.real, wave_L.imag], dim=1)
    h = torch.sin(w["h.frequency_M"] * F.linear(z_L3, w["h.first_M3"], w["h.first_bias_M"]))
    h = torch.sin(w["h.frequency_M"] * F.linear(h, w["h.second_MM"], w["h.second_bias_M"]))
    h = torch.sin(w["h.frequency_M"] * F.linear(h, w["h.third_MM"], w["h.third_bias_M"]))
    filters = len(w["h.last_HM"])
    rate_H = torch.linspace(math.log(1e-2) / 1.5, math.log(1e-2) / 0.3, filters, dtype=torch.float64).abs()
    return (F.linear(h, w["h.last_HM"]) * torch.exp(-t_L.unsqueeze(1) * rate_H)).T


def _seven(w, length):
    return F.pad(w["h.taps_HW"], (0, max(0, length - 7)))[:, :length]


def _weak(w, length):
    rate_H1 = torch.logspace(-2, 2, len(w["h.taps_HW"]), dtype=torch.float64).unsqueeze(1)
    return w["h.taps_HW"][:, :length] * torch.exp(-rate_H1 * torch.arange(length) / 8192)


def _real_modes(w, length):
    decays_HNL = torch.exp(-w["h.log_rate_HN"].exp().unsqueeze(2) * torch.arange(length))
    return (w["h.residue_HN"].unsqueeze(2) * decays_HNL).sum(1)


def _complex_modes(w, length):
    a_HN = -w["h.log_rate_HN"].exp() + 1j * w["h.frequency_HN"]
    pole_HN = w["h.log_step_H"].exp().unsqueeze(1) * a_HN
    residue_HN = torch.view_as_complex(w["h.output_HN2"]) * (pole_HN.exp() - 1) / a_HN
    return 2 * (residue_HN.unsqueeze(2) * torch.exp(pole_HN.unsqueeze(2) * torch.arange(length))).sum(1).real


def _skip(w):
    return w.get("h.skip_H", torch.zeros((), dtype=torch.float64))


def _layer(filters):
    def reference(x_BLD, w):
        x0_BLD, x1_BLD, v_BLD = (_short(x_BLD, w, name) for name in ("c", "b", "v"))
        u_BLD, length = x1_BLD * v_BLD, x_BLD.shape[1]
        h_HL = filters(w, length)
        h_HL = torch.cat([h_HL[:, :1] + _skip(w).unsqueeze(-1), h_HL[:, 1:]], dim=1)
        h_DL = h_HL.repeat_interleave(SHAPE.width // len(h_HL), dim=0)
        y = [sum(h_DL[:, i - j] * u_BLD[:, j] for j in range(i + 1)) for i in range(length)]
        return F.linear(x0_BLD * torch.stack(y, dim=1), w["out_DC"], w["g.bias_D1"].squeeze(1))

    return reference


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("Hyena", _sine_net),
        ("Hyena-SE", _seven),
        ("Hyena-MR", _weak),
        ("Hyena-LI", _real_modes),
        ("Laughing Hyena", _complex_modes),
    ],
)
def test_a_hyena_layer_is_that_of_its_source(name, filters):
    same_as(f"{name}-Published", _layer(filters))


def test_multi_hyena_filters_the_outer_products_of_a_head():
    """Massaroli et al. 2023, section 4; queries are divided by the square root of their channels, as in attention."""

    def reference(x_BLD, w):
        size = SHAPE.head_dim
        q, k, v = (_short(x_BLD, w, name).unflatten(2, (-1, size)) for name in ("c", "b", "v"))
        kv, length = torch.einsum("blhk,blhv->blhkv", k, v), x_BLD.shape[1]
        h_HL = _sine_net(w, length)
        z = [
            sum(h_HL[:, i - j, None, None] * kv[:, j] for j in range(i + 1)) + w["h.skip_H"][:, None, None] * kv[:, i]
            for i in range(length)
        ]
        y = torch.einsum("blhk,blhkv->blhv", q, torch.stack(z, dim=1)) * size**-0.5
        return F.linear(y.flatten(2), w["out_DC"], w["g.bias_D1"].squeeze(1))

    same_as("Multi-Hyena-Published", reference)
