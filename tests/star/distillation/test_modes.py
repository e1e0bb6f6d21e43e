"""Taps are fitted by modes: sums of modes come back, and the error falls with the number of modes.

H filters, T taps.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from star.distillation.filters import error_of
from star.distillation.modes import fitted

LENGTH = 96
T_T = torch.arange(LENGTH, dtype=torch.float64)


def decaying(*modes: tuple[float, float, float, float]) -> Tensor:
    """Taps of (decay, angle, amplitude, phase) each, with another first tap."""
    h_T = sum(
        (size * torch.exp(-rate * T_T) * torch.cos(angle * T_T + phase) for rate, angle, size, phase in modes),
        torch.zeros(LENGTH, dtype=torch.float64),
    )
    h_T[0] = 3.0
    return h_T


PAIR = decaying((0.05, 0.4, 1.0, 0.3), (0.2, 2.0, -0.7, 1.1))
REAL = decaying((0.02, 0.0, 1.0, 0.0), (0.3, math.pi, 0.5, 0.0))


def test_a_sum_of_modes_comes_back() -> None:
    h_HT = torch.stack([PAIR, REAL, 1e-4 * PAIR])
    found = fitted(h_HT, 2)
    assert all(error_of(*pair) < 1e-4 for pair in zip(found.taps(LENGTH), h_HT, strict=True))
    assert sorted(found.log_poles[0].real.tolist()) == pytest.approx([-0.2, -0.05], rel=1e-3)
    assert sorted(found.log_poles[0].imag.abs().tolist()) == pytest.approx([0.4, 2.0], rel=1e-3)
    torch.testing.assert_close(found.taps(LENGTH)[:, 0], h_HT[:, 0])


def test_what_no_two_modes_say_is_said_by_more() -> None:
    h_HT = (T_T.sqrt().sin() * torch.exp(-T_T / 40)).unsqueeze(0)
    errors = [error_of(fitted(h_HT, count).taps(LENGTH), h_HT) for count in (1, 2, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1 > 0.01 > errors[-1]


def test_every_mode_decays_though_the_taps_grow() -> None:
    h_HT = torch.stack([torch.exp(0.01 * T_T), torch.ones(LENGTH, dtype=torch.float64)])
    found = fitted(h_HT, 4)
    assert found.log_poles.real.max() < 0
    assert error_of(found.taps(LENGTH)[1], h_HT[1]) < 1e-3
    assert found.taps(100 * LENGTH).isfinite().all()


def test_residues_stay_so_small_that_float32_keeps_their_digits() -> None:
    """Two equal poles are the limit of poles that come closer while their residues grow beyond all bounds."""
    h_HT = (T_T * torch.exp(-0.1 * T_T)).unsqueeze(0)
    found = fitted(h_HT, 8)
    assert error_of(found.taps(LENGTH), h_HT) < 1e-2
    assert found.residues.abs().max() < 1e4 * h_HT.abs().max()


@pytest.mark.parametrize("h_HT", [torch.zeros(2, 32), torch.eye(1, 32)], ids=["none", "the first"])
def test_taps_of_zero_need_no_mode(h_HT: Tensor) -> None:
    torch.testing.assert_close(fitted(h_HT, 2).taps(32), h_HT.double())
