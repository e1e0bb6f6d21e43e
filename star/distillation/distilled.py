"""An exported model whose long filters are fitted by modes, so that its cache no longer grows with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genome import Genome, Space, decode
from star.backbone import Backbone
from star.build import skeleton
from star.distillation.architecture import distilled
from star.distillation.filters import filters, sharing
from star.distillation.fits import Fit, measured, smallest
from star.distillation.orders import ORDERS, orders_for
from star.distillation.report import report
from star.export import Exported, weights, write
from star.export.folder import read
from star.features.filters_modal import ComplexModalFilter

LENGTH, SHORTEST, LONGEST = 2048, 8, 65_536
"""Taps that are fitted if the training length is unknown, and the fewest and the most."""

MOST_ERROR = 1e-2

KEPT = ("task", "data_licence", "budget", "tokens", "seed", "seeds")
"""Facts of the training, which hold for the distilled model too; all others are told as those of its origin."""


def distil(
    source: Path | str,
    folder: Path | str,
    order: int | None = None,
    length: int | None = None,
    most_error: float = MOST_ERROR,
) -> dict[str, Any]:
    """Write the model of a folder with modes in place of its long filters, and return what the new folder tells of it.

    All other weights stay bit for bit. LIVs that share a filter share its modes.

    Args:
        order: the state of each channel, a number in `ORDERS`; by default the smallest whose error is allowed.
        length: the taps that are fitted; by default the length of the training, or 2,048 if that is unknown.
        most_error: the largest relative l2 error of the impulse responses of a LIV.

    Raises:
        DistilError: the error of a LIV is larger; nothing is written.
        ValueError: an argument is not legal, `source` cannot be read, or its model has no long filter.
        FileExistsError: the folder holds anything but an export of which every file is written again.
    """
    exported = read(Path(source))
    length = _training_length(exported.facts) if length is None else length
    tried = _orders(order, length)
    if not most_error > 0:
        raise ValueError(f"the largest error must be above 0, not {most_error:g}")
    model = exported.model
    groups = sharing(model.blueprint)
    if not groups:
        names = ", ".join(dict.fromkeys(liv.liv_class.name for liv in model.blueprint.livs))
        raise ValueError(f"the model has no filter that reaches back to the first token; its classes are {names}")
    fits = {positions: smallest(model, positions, tried, length, most_error) for positions in groups}
    orders = {position: fit.order for positions, fit in fits.items() for position in positions}
    genome, space = distilled(exported.genome, exported.space, orders)
    new = _with_modes(model, genome, space, fits)
    for positions, fit in fits.items():  # with the modes as the dtype of the weights holds them
        fits[positions] = measured(model, new, positions, fit, length, most_error)
    origin = {
        "genome": str(exported.genome),
        "weights_sha256": hashlib.sha256(exported.weights).hexdigest(),
        "facts": {name: value for name, value in exported.facts.items() if name not in KEPT},
    }
    found = {"from": origin, "length": length, "most_error": most_error, **report(model, new, fits, length)}
    facts = {name: exported.facts[name] for name in KEPT if name in exported.facts} | {"distilled": found}
    write(Exported(genome, space, exported.shape, weights(new), facts), Path(folder), "folder")
    return found


def _training_length(facts: Mapping[str, Any]) -> int:
    budget = facts.get("budget")
    length = budget.get("length") if isinstance(budget, dict) else None
    return length if type(length) is int and SHORTEST <= length <= LONGEST else LENGTH


def _orders(order: int | None, length: int) -> tuple[int, ...]:
    """Return the orders to try. Raises ValueError: the order or the length is not legal."""
    if not SHORTEST <= length <= LONGEST:
        raise ValueError(f"the length must be {SHORTEST} to {LONGEST:,} taps, not {length:,}")
    if order is not None and order not in ORDERS:
        raise ValueError(f"the order must be one of {', '.join(map(str, ORDERS))}, not {order}")
    if order is not None and order not in orders_for(length):
        raise ValueError(f"order {order} needs {2 * order} taps at least, and the length is {length}")
    return orders_for(length) if order is None else (order,)


@torch.no_grad()
def _with_modes(model: Backbone, genome: Genome, space: Space, fits: Mapping[tuple[int, ...], Fit]) -> Backbone:
    """Build the model of a genome with these modes and, for all else, with the weights of a model."""
    new = skeleton(decode(genome, space), model.shape).to_empty(device="cpu").to(model.embedding_VD.dtype)
    known = dict(model.named_parameters())
    for name, parameter in new.named_parameters():
        if name in known:
            parameter.copy_(known[name])
    for positions, fit in fits.items():
        for feature, modes in zip(filters(new, positions), fit.modes, strict=True):
            assert isinstance(feature, ComplexModalFilter)
            feature.become(*modes)
    return new.eval()
