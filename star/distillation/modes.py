"""Taps as a sum of decaying complex exponentials: the modal form of Laughing Hyena (Massaroli et al. 2023, section 3).

h_t = Re sum_n residue_n exp(log_pole_n t), and a skip at t = 0. The squared error of all taps is minimised: poles begin
at those of the Hankel matrix, and the method of Levenberg and Marquardt then moves poles and residues together.

H filters, T taps, N modes, P = 4 N parameters: log rates, angles, real and imaginary parts of the residues.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from star.distillation.hankel import poles

ELEMENTS = 2**22
"""Elements of the Jacobian of the filters that are fitted at once."""

STEPS = 80
"""The largest number of steps, accepted or not."""

ENOUGH = 1e-3
"""A filter is finished when a step lowers its squared error by less than this share."""

DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-10, 1e8
BENDS = (1e-3, 0.5)
"""Angles of real poles at the first step, over the fitted length: some stay real, some become pairs. Both are tried."""

SLOWEST = 0.01
"""The smallest decay over the fitted length, in nats, so that every mode ends."""
FASTEST = 3.0
"""The largest decay in a token, in nats: the residue of a faster mode would be large, and the skip its opposite."""


PRICE = 1e-5
"""A residue counts as an error of this share of it at every tap, as large residues that cancel lose their digits."""


class Modes(NamedTuple):
    """A sum of modes with a skip for each filter.

    Attributes:
        log_poles: complex, (H, N), with a negative real part.
        residues: complex, (H, N).
        skips: real, (H,).
    """

    log_poles: Tensor
    residues: Tensor
    skips: Tensor

    def taps(self, length: int) -> Tensor:
        """Return h_HT, the taps at distances 0 to `length` - 1."""
        t_T = torch.arange(length, dtype=self.skips.dtype)
        h_HT = (self.residues.unsqueeze(-1) * torch.exp(self.log_poles.unsqueeze(-1) * t_T)).real.sum(1)
        h_HT[:, 0] += self.skips
        return h_HT


def fitted(h_HT: Tensor, count: int) -> Modes:
    """Fit `count` modes to each filter, on all of its taps. The first tap is met exactly, by the skip.

    Args:
        h_HT: the taps, of which there are at least 4 `count`.
    """
    h_HT = h_HT.double()
    at_once = max(1, ELEMENTS // (4 * count * h_HT.shape[1]))
    parts = [_fitted(part_HT, count) for part_HT in torch.split(h_HT, at_once)]
    log_pole_HN, residue_HN = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Modes(log_pole_HN, residue_HN, h_HT[:, 0] - residue_HN.real.sum(1))


def _fitted(h_HT: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Fit log poles and residues to all taps but the first."""
    w_HT = h_HT[:, 1:]
    size_H1 = w_HT.square().mean(1, keepdim=True).sqrt()
    w_HT = w_HT / torch.where(size_H1 > 0, size_H1, 1)
    found_HM = poles(w_HT, min(2 * count, (w_HT.shape[1] + 1) // 2 - 1))
    tries = [_refined(w_HT, _begun(w_HT, found_HM, bend, count)) for bend in BENDS]
    best_H = torch.stack([loss_H for _, loss_H in tries]).argmin(0)
    parameters_HP = torch.stack([parameters_HP for parameters_HP, _ in tries])[best_H, torch.arange(len(best_H))]
    log_pole_HN, residue_HN = _complex(parameters_HP)
    turned_HN = torch.polar(torch.ones_like(log_pole_HN.real), log_pole_HN.imag)
    return torch.complex(log_pole_HN.real, turned_HN.angle()), residue_HN * size_H1


def _begun(w_HT: Tensor, found_HM: Tensor, bend: float, count: int) -> Tensor:
    """Return the parameters of the modes with the most energy among the poles of the Hankel matrix.

    Args:
        bend: the least angle of a pole over the fitted length, because no derivative leaves the real axis at 0.
    """
    length = w_HT.shape[1]
    modulus_HM = found_HM.abs().clamp(min=1e-6)
    rate_HM = modulus_HM.log().abs().clamp(SLOWEST / length, FASTEST)  # a pole outside the unit circle is reflected
    angle_HM = found_HM.angle().clamp(min=bend / length)
    log_pole_HM = torch.complex(-rate_HM, angle_HM)
    first_HM = found_HM.imag >= 0  # one pole of each pair
    energy_HM = (
        (_residues(w_HT, log_pole_HM, first_HM).unsqueeze(-1) * _powers(log_pole_HM, length)).real.square().sum(-1)
    )
    kept_HN = torch.where(first_HM, energy_HM, -1).argsort(descending=True)[:, :count]
    log_pole_HN = log_pole_HM.gather(1, kept_HN)
    residue_HN = _residues(w_HT, log_pole_HN, torch.ones_like(kept_HN, dtype=torch.bool))
    return torch.cat([(-log_pole_HN.real).log(), log_pole_HN.imag, residue_HN.real, residue_HN.imag], dim=1)


def _refined(w_HT: Tensor, parameters_HP: Tensor) -> tuple[Tensor, Tensor]:
    """Lower the squared error of every filter by steps of Levenberg and Marquardt; return it behind the parameters."""
    length = w_HT.shape[1]
    error_HT, jacobian_HTP = _linearised(w_HT, parameters_HP)
    loss_H = error_HT.square().sum(1)
    damping_H, done_H = torch.full_like(loss_H, DAMPING), loss_H <= 0
    for _ in range(STEPS):
        tried_HP = parameters_HP + _solved(jacobian_HTP, error_HT, damping_H)
        count = tried_HP.shape[1] // 4
        slowest, fastest = torch.tensor([SLOWEST / length, FASTEST]).log().tolist()
        tried_HP[:, :count].clamp_(slowest, fastest)
        tried_error_HT, tried_jacobian_HTP = _linearised(w_HT, tried_HP)
        tried_loss_H = tried_error_HT.square().sum(1)
        better_H = (tried_loss_H < loss_H) & ~done_H
        done_H |= better_H & (tried_loss_H > (1 - ENOUGH) * loss_H) | (damping_H >= MOST_DAMPING)
        parameters_HP = torch.where(better_H[:, None], tried_HP, parameters_HP)
        error_HT = torch.where(better_H[:, None], tried_error_HT, error_HT)
        jacobian_HTP = torch.where(better_H[:, None, None], tried_jacobian_HTP, jacobian_HTP)
        loss_H = torch.where(better_H, tried_loss_H, loss_H)
        damping_H = (damping_H * torch.where(better_H, 0.2, 5.0)).clamp(LEAST_DAMPING, MOST_DAMPING)
        if done_H.all():
            break
    return parameters_HP, loss_H


def _linearised(w_HT: Tensor, parameters_HP: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the modes lack of the taps, and the derivatives of the modes by their parameters."""
    log_pole_HN, residue_HN = _complex(parameters_HP)
    powers_HNT = _powers(log_pole_HN, w_HT.shape[1])
    modes_HNT = residue_HN.unsqueeze(-1) * powers_HNT
    t_T = torch.arange(1, w_HT.shape[1] + 1, dtype=w_HT.dtype)
    by_rate_HNT = log_pole_HN.real.unsqueeze(-1) * t_T * modes_HNT.real
    columns = [by_rate_HNT, -t_T * modes_HNT.imag, powers_HNT.real, -powers_HNT.imag]
    jacobian_HTP, price = torch.cat(columns, dim=1).mT, _price(w_HT)
    residues_HP = parameters_HP[:, parameters_HP.shape[1] // 2 :]
    priced_PP = price * torch.eye(residues_HP.shape[1], dtype=w_HT.dtype)
    priced_PP = torch.cat([torch.zeros_like(priced_PP), priced_PP], dim=1)
    error_HT = torch.cat([w_HT - modes_HNT.real.sum(1), -price * residues_HP], dim=1)
    return error_HT, torch.cat([jacobian_HTP, priced_PP.expand(len(w_HT), -1, -1)], dim=1)


def _residues(w_HT: Tensor, log_pole_HN: Tensor, used_HN: Tensor) -> Tensor:
    """Return the residues with the least squared error; those of poles that are not used are 0."""
    powers_HNT = _powers(log_pole_HN, w_HT.shape[1]) * used_HN.unsqueeze(-1)
    columns_HTQ = torch.cat([powers_HNT.real, -powers_HNT.imag], dim=1).mT
    priced_QQ = _price(w_HT) * torch.eye(columns_HTQ.shape[2], dtype=w_HT.dtype)
    columns_HTQ = torch.cat([columns_HTQ, priced_QQ.expand(len(w_HT), -1, -1)], dim=1)
    error_HT = torch.nn.functional.pad(w_HT, (0, len(priced_QQ)))
    damping_H = w_HT.new_full((len(w_HT),), LEAST_DAMPING)
    return torch.complex(*_solved(columns_HTQ, error_HT, damping_H).chunk(2, dim=1))


def _price(w_HT: Tensor) -> float:
    """Return the error that a residue of 1 adds to those of the taps, whose RMS is 1."""
    return PRICE * float(w_HT.shape[1] ** 0.5)


def _solved(columns_HTQ: Tensor, error_HT: Tensor, damping_H: Tensor) -> Tensor:
    """Solve the damped normal equations, in which every column has unit length; (H, Q)."""
    size_HQ = columns_HTQ.square().sum(1).sqrt()
    size_HQ = torch.where(size_HQ > 0, size_HQ, 1)
    gram_HQQ = columns_HTQ.mT @ columns_HTQ / (size_HQ.unsqueeze(1) * size_HQ.unsqueeze(2))
    toward_HQ = (columns_HTQ.mT @ error_HT.unsqueeze(2)).squeeze(2) / size_HQ
    gram_HQQ = gram_HQQ + damping_H[:, None, None] * torch.eye(gram_HQQ.shape[1], dtype=gram_HQQ.dtype)
    solution_HQ: Tensor = torch.linalg.solve(gram_HQQ, toward_HQ)
    return solution_HQ / size_HQ


def _powers(log_pole_HN: Tensor, length: int) -> Tensor:
    """Return the powers 1 to `length` of each pole, (H, N, T)."""
    return torch.exp(log_pole_HN.unsqueeze(-1) * torch.arange(1, length + 1, dtype=log_pole_HN.real.dtype))


def _complex(parameters_HP: Tensor) -> tuple[Tensor, Tensor]:
    """Return log poles and residues, each (H, N)."""
    log_rate_HN, angle_HN, real_HN, imaginary_HN = parameters_HP.chunk(4, dim=1)
    return torch.complex(-log_rate_HN.exp(), angle_HN), torch.complex(real_HN, imaginary_HN)
