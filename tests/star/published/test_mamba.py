"""Mamba-1 and Mamba-2 against their published layers, written out token by token.

B batch, L tokens, D model width, E = 2 D inner channels, N numbers of state, H heads of P channels.
"""

import torch
import torch.nn.functional as F

from genome import Shape
from tests.star.published.layers import convolved, operator_of, rms_normed, same_as

SHAPE = Shape(width=32, head_dim=8, vocab=8)
D, E, P = SHAPE.width, 2 * SHAPE.width, SHAPE.head_dim


def _mamba_1(x_BLD, w):
    """Gu & Dao 2023, algorithm 2 and section 3.4: the block around the selective state-space model."""
    u_BLE = F.silu(convolved(x_BLD @ w["v.weight"].T, w["v.taps"], w["v.taps_bias_C"]))
    z_BLE = x_BLD @ w["o.weight"].T
    raw_BLR = u_BLE @ w["d.down_RD"].T
    assert raw_BLR.shape[-1] == D // 16
    dt_BLE = F.softplus(raw_BLR @ w["d.weight"].T + w["d.bias_H"])
    b_BLN, c_BLN = u_BLE @ w["b.weight"].T, u_BLE @ w["c.weight"].T
    a_EN = -w["a.log_rate_HK"].exp()
    state_BEN, outputs = torch.zeros(len(x_BLD), E, 16, dtype=x_BLD.dtype), []
    for t in range(x_BLD.shape[1]):
        dt_BE1, u_BE = dt_BLE[:, t].unsqueeze(-1), u_BLE[:, t]
        state_BEN = (dt_BE1 * a_EN).exp() * state_BEN + dt_BE1 * b_BLN[:, t].unsqueeze(1) * u_BE.unsqueeze(-1)
        y_BE = (state_BEN * c_BLN[:, t].unsqueeze(1)).sum(-1) + w["s.weight_HV"].squeeze(-1) * u_BE
        outputs.append(y_BE)
    return (torch.stack(outputs, dim=1) * F.silu(z_BLE)) @ w["out_DC"].T


def _mamba_2(x_BLD, w):
    """Dao & Gu 2024, section 7: parallel projections, scalar rates, and a norm behind the gate over all channels."""
    u, b, c = (F.silu(convolved(x_BLD @ w[f"{n}.weight"].T, w[f"{n}.taps"], w[f"{n}.taps_bias_C"])) for n in "vbc")
    z_BLE = x_BLD @ w["o.weight"].T
    dt_BLH = F.softplus(x_BLD @ w["d.weight"].T + w["d.bias_H"])
    a_H, skip_H = -w["a.log_rate_HK"].squeeze(-1).exp(), w["s.weight_HV"]
    u_BLHP = u.unflatten(-1, (-1, P))
    assert u_BLHP.shape[2] == E // P
    state_BHPN, outputs = torch.zeros(len(x_BLD), E // P, P, 128, dtype=x_BLD.dtype), []
    for t in range(x_BLD.shape[1]):
        dt_BH, u_BHP = dt_BLH[:, t], u_BLHP[:, t]
        written_BHPN = torch.einsum("bh,bhp,bn->bhpn", dt_BH, u_BHP, b[:, t])
        state_BHPN = (dt_BH * a_H).exp()[..., None, None] * state_BHPN + written_BHPN
        y_BHP = torch.einsum("bhpn,bn->bhp", state_BHPN, c[:, t]) + skip_H * u_BHP
        outputs.append(y_BHP.flatten(1))
    return rms_normed(torch.stack(outputs, dim=1) * F.silu(z_BLE)) @ w["out_DC"].T


def test_mamba_1_is_the_published_layer():
    same_as("Mamba-1-Published", _mamba_1, shape=SHAPE)


def test_mamba_2_is_the_published_layer():
    same_as("Mamba-2-Published", _mamba_2, shape=SHAPE)


def test_steps_begin_between_a_thousandth_and_a_tenth():
    """Gu & Dao 2023, section 3.6: without an input, softplus of the bias is log-uniform in [0.001, 0.1]."""
    liv = operator_of("Mamba-1-Published", SHAPE)
    liv.featurizer["d"].initialise(torch.Generator().manual_seed(3))
    steps_E = F.softplus(liv.featurizer["d"].bias_H)
    assert 1e-3 < steps_E.min() < 2e-3
    assert 5e-2 < steps_E.max() < 1e-1
