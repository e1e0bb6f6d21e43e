"""The modes of the filters of a model, and by how much they miss them.

H filters, T taps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from star.backbone import Backbone
from star.distillation.filters import error_of, filters, taps
from star.distillation.modes import Modes, fitted
from star.distillation.orders import orders_for


class DistilError(ValueError):
    """The modes miss a filter by more than is allowed; the message names the LIV and the error."""


class Fit(NamedTuple):
    """The modes of all filters of LIVs that share them.

    Attributes:
        error: the relative l2 error of all taps together.
        worst: the relative l2 error of the filter that is met worst.
    """

    order: int
    modes: list[Modes]
    error: float
    worst: float


def smallest(model: Backbone, positions: tuple[int, ...], tried: tuple[int, ...], length: int, most: float) -> Fit:
    """Fit the filters of these LIVs by the smallest order whose error is allowed."""
    known = [taps(one, length) for one in filters(model, positions)]
    if not all(h_HT.isfinite().all() for h_HT in known):
        raise ValueError(f"{_name(model, positions)}: its filter is not finite")
    for order in tried:
        modes = [fitted(h_HT, order // 2) for h_HT in known]
        fit = _fit(order, modes, [one.taps(length) for one in modes], known)
        if fit.error <= most:
            return fit
    raise _refusal(model, positions, fit, length, most)


def _fit(order: int, modes: list[Modes], found: list[Tensor], known: list[Tensor]) -> Fit:
    found_HT, known_HT = torch.cat(found), torch.cat(known)
    worst = max(error_of(one_T, h_T) for one_T, h_T in zip(found_HT, known_HT, strict=True))
    return Fit(order, modes, error_of(found_HT, known_HT), worst)


def measured(model: Backbone, new: Backbone, positions: tuple[int, ...], fit: Fit, length: int, most: float) -> Fit:
    """Return the fit with the errors of the filters that the new model computes."""
    found = [taps(one, length) for one in filters(new, positions)]
    fit = _fit(fit.order, fit.modes, found, [taps(one, length) for one in filters(model, positions)])
    if not fit.error <= most:
        raise _refusal(model, positions, fit, length, most)
    return fit


def _refusal(model: Backbone, positions: tuple[int, ...], fit: Fit, length: int, most: float) -> DistilError:
    higher = [order for order in orders_for(length) if order > fit.order]
    remedies = [f"a higher order ({', '.join(map(str, higher))})"] if higher else []
    remedies += ["a larger error", f"fewer taps than {length:,}"]
    dtype = str(model.embedding_VD.dtype).removeprefix("torch.")
    return DistilError(
        f"{_name(model, positions)}: at order {fit.order} its filter is missed by an error of {fit.error:.4g}, more "
        f"than {most:g}, with weights in {dtype}; allow {', or '.join(remedies)}"
    )


def _name(model: Backbone, positions: tuple[int, ...]) -> str:
    return " and ".join(f"LIV {n + 1} ({model.blueprint.livs[n].liv_class.name})" for n in positions)
