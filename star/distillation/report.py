"""What is told of a distilled model: orders, errors, the difference of the logits, and the cache that is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from star.analysis.cost import Cost, cost
from star.backbone import Backbone
from star.distillation.fits import Fit

CONTEXT = 4096
"""Tokens at which the caches are counted."""

SEQUENCES = 2
"""Random sequences on which the logits are compared."""


def report(model: Backbone, new: Backbone, fits: Mapping[tuple[int, ...], Fit], length: int) -> dict[str, Any]:
    """Compare a model with the distilled one, as JSON.

    Args:
        fits: the fit of each group of LIVs, by their positions.
        length: tokens of the sequences on which the logits are compared.
    """
    before, after = (cost(one.blueprint, one.shape, CONTEXT) for one in (model, new))
    return {
        "livs": _livs(before, after, fits),
        "logits": _logits(model, new, length),
        "cache_bytes": {"tokens": CONTEXT, "before": before.cache_bytes, "after": after.cache_bytes},
    }


def _livs(before: Cost, after: Cost, fits: Mapping[tuple[int, ...], Fit]) -> list[dict[str, Any]]:
    fit_of = {position: fit for positions, fit in fits.items() for position in positions}
    return [
        {
            "position": position,
            "name": before.livs[position].name,
            "becomes": after.livs[position].name,
            "order": fit.order,
            "taps_error": fit.error,
            "worst_filter_error": fit.worst,
            "cache_bytes_before": before.livs[position].cache_bytes,
            "cache_bytes_after": after.livs[position].cache_bytes,
        }
        for position, fit in sorted(fit_of.items())
    ]


@torch.no_grad()
def _logits(model: Backbone, new: Backbone, length: int) -> dict[str, float]:
    """Compare the logits on random sequences: the largest difference, and its RMS as a share of that of the logits."""
    generator, shape = torch.Generator().manual_seed(0), model.shape
    largest, squares, wholes = 0.0, 0.0, 0.0
    for _ in range(SEQUENCES):
        size = (1, length, shape.channels) if shape.channels else (1, length)
        values = torch.randn(size, generator=generator).to(model.embedding_VD.dtype)
        drawn = values if shape.channels else torch.randint(shape.vocab, size, generator=generator)
        expected_BLV, found_BLV = model(drawn).double(), new(drawn).double()
        largest = max(largest, float((found_BLV - expected_BLV).abs().max()))
        squares += float((found_BLV - expected_BLV).square().sum())
        wholes += float(expected_BLV.square().sum())
    return {"largest_difference": largest, "relative_rms": (squares / wholes) ** 0.5 if wholes else 0.0}
