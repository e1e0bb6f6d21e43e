"""State-space rows are the layers of their sources: y = linear or GLU of GELU(K * u + D u).

Each reference is written from the formulas of the paper, token by token.

B batch, L tokens, D model width, N numbers of state, P = N / 2 conjugate pairs.
"""

import pytest
import torch

from star.features.filters_system import LARGEST_NORM
from star.features.hippo import legs
from tests.star.published.layers import same_as


def _modal(w, length):
    """S4D (Gu et al. 2022, eq. 4 with zero-order hold): K_l = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n l)."""
    a_DP, step_D1, c_DP = _modes(w)
    at_DPL = torch.exp((step_D1 * a_DP).unsqueeze(-1) * torch.arange(length))
    return 2 * ((c_DP * (torch.exp(step_D1 * a_DP) - 1) / a_DP).unsqueeze(-1) * at_DPL).sum(1).real


def _normalised(w, length):
    """DSS-softmax (Gupta et al. 2022, proposition 1b), the softmax over all distances: a geometric series."""
    a_DP, step_D1, c_DP = _modes(w)
    at_DPL = torch.exp((step_D1 * a_DP).unsqueeze(-1) * torch.arange(length))
    return 2 * ((c_DP / a_DP * (1 - torch.exp(step_D1 * a_DP))).unsqueeze(-1) * at_DPL).sum(1).real


def _modes(w):
    a_DP = -w["h.log_rate_HN"].exp() + 1j * w["h.frequency_HN"]
    return a_DP, w["h.log_step_H"].exp().unsqueeze(1), torch.view_as_complex(w["h.output_HN2"])


def _bilinear(a_DNN, b_DN, w, length):
    """K_l = C A^l B of the trapezoid rule (Gu et al. 2022, S4, eq. 3)."""
    half_D11 = w["h.log_step_H"].exp()[:, None, None] / 2
    one_NN = torch.eye(a_DNN.shape[-1], dtype=torch.float64)
    inverse_DNN = torch.linalg.inv(one_NN - half_D11 * a_DNN)
    moves_DNN = inverse_DNN @ (one_NN + half_D11 * a_DNN)
    return _powers(moves_DNN, (inverse_DNN @ (2 * half_D11 * b_DN.unsqueeze(2))).squeeze(2), w["h.output_HN"], length)


def _powers(a_DNN, b_DN, c_DN, length):
    taps = []
    for _ in range(length):
        taps.append((c_DN * b_DN).sum(1))
        b_DN = (a_DNN @ b_DN.unsqueeze(2)).squeeze(2)
    return torch.stack(taps, dim=1)


def _s4(w, length):
    """A = Lambda - P P^T in real form: each conjugate pair -rate +- i frequency is a block of two numbers."""
    blocks = []
    for rate_P, frequency_P in zip(w["h.log_rate_HP"].exp(), w["h.frequency_HP"], strict=True):
        pairs = [
            torch.stack([torch.stack([-r, -f]), torch.stack([f, -r])]) for r, f in zip(rate_P, frequency_P, strict=True)
        ]
        blocks.append(torch.block_diag(*pairs))
    p_DN = w["h.low_rank_HN"]
    return _bilinear(torch.stack(blocks) - p_DN.unsqueeze(2) * p_DN.unsqueeze(1), w["h.input_HN"], w, length)


def _lssl(w, length):
    a_NN, b_N = legs(w["h.output_HN"].shape[1])
    return _bilinear(a_NN.expand(len(w["h.skip_H"]), -1, -1), b_N.expand_as(w["h.output_HN"]), w, length)


def _companion(w, length):
    """SpaceTime (Zhang et al. 2023, eq. 5): ones below the diagonal, and a in the last column."""
    a_DN = w["h.feedback_HN"]
    a_DN = a_DN / a_DN.abs().sum(1, keepdim=True).clamp_min(1)
    shift_NN = torch.diag(torch.ones(a_DN.shape[1] - 1, dtype=torch.float64), -1)
    last_N = torch.eye(a_DN.shape[1], dtype=torch.float64)[-1]
    return _powers(shift_NN + a_DN.unsqueeze(2) * last_N, w["h.input_HN"], w["h.output_HN"], length)


def _rational(w, length):
    """RTF (Parnichkun et al. 2024, eq. 3): the power series of b(z) / a(z) by long division; b has no constant term."""
    a_DN, b_DN = w["h.denominator_HN"], w["h.output_HN"]
    a_DN = a_DN * LARGEST_NORM / a_DN.abs().sum(1, keepdim=True).clamp_min(LARGEST_NORM)
    order, taps = a_DN.shape[1], [torch.zeros(len(a_DN), dtype=torch.float64)]
    for t in range(1, length):
        fed_D = sum(a_DN[:, k - 1] * taps[t - k] for k in range(1, min(t, order) + 1))
        taps.append((b_DN[:, t - 1] if t <= order else 0) - fed_D)
    return torch.stack(taps, dim=1)


def _layer(kernel, values):
    def reference(x_BLD, w):
        u_BLD = values(x_BLD, w["v.weight"])
        k_DL = kernel(w, x_BLD.shape[1])
        y_BLD = torch.stack(
            [
                sum(k_DL[:, i - j] * u_BLD[:, j] for j in range(i + 1)) + w["h.skip_H"] * u_BLD[:, i]
                for i in range(x_BLD.shape[1])
            ],
            dim=1,
        )
        y_BLD = y_BLD * (1 + torch.erf(y_BLD / 2**0.5)) / 2
        z_BLD = y_BLD @ w["out_DC"].T + w["g.bias_D1"].squeeze(1)
        if "g.gate_DC" not in w:
            return z_BLD
        return z_BLD / (1 + torch.exp(-(y_BLD @ w["g.gate_DC"].T + w["g.gate_bias_D1"].squeeze(1))))

    return reference


def _scaled(x_BLD, weight_D1):
    return x_BLD * weight_D1.squeeze(1)


def _mapped(x_BLD, weight_DD):
    return x_BLD @ weight_DD.T


@pytest.mark.parametrize(
    ("name", "kernel", "values"),
    [
        ("S4D", _modal, _scaled),
        ("DSS", _normalised, _scaled),
        ("S4", _s4, _scaled),
        ("LSSL", _lssl, _scaled),
        ("S5-style", _modal, _mapped),
        ("SpaceTime", _companion, _scaled),
        ("RTF", _rational, _scaled),
    ],
)
def test_a_state_space_layer_is_that_of_its_source(name, kernel, values):
    same_as(f"{name}-Published", _layer(kernel, values))
