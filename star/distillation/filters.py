"""The long filters of a model, and which of its LIVs have them in common.

H filters, T taps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genome import Blueprint, Placement
from genome.classes.alphabet import Sparsity
from star.backbone import Backbone
from star.features import Feature
from star.filter import Filter

FILTER = "h"


def is_long(liv: Placement) -> bool:
    """Return whether the filter of a LIV reaches back to the first token and is no recurrence already."""
    if FILTER not in liv.featurizer.names or liv.liv_class.operator.sparsity is not Sparsity.NONE:
        return False
    own = Filter(liv.featurizer[FILTER].generator, window=None)
    return own.reach is None and own.model is None


def sharing(blueprint: Blueprint) -> list[tuple[int, ...]]:
    """Group the positions of the LIVs with long filters: those that share weights or filters are in one group."""
    group_of: dict[int, set[int]] = {}
    for position, liv in enumerate(blueprint.livs):
        if not is_long(liv):
            continue
        lenders = {liv.weights_from} | ({liv.features_from} if FILTER in liv.taken else set())
        joined = {position}.union(*(group_of[lender] for lender in lenders - {position}))
        group_of |= dict.fromkeys(joined, joined)
    return sorted({tuple(sorted(group)) for group in group_of.values()})


def filters(model: Backbone, positions: tuple[int, ...]) -> list[Feature]:
    """List the filters of these LIVs, each once; a differential LIV has two."""
    blocks = list(model.stack())
    livs = [liv for position in positions for liv in blocks[position].operator.livs]
    featurizers = {id(liv.featurizer): liv.featurizer for liv in livs}
    return [one[FILTER] for one in featurizers.values() if FILTER in one.groups]


@torch.no_grad()
def taps(feature: Feature, length: int) -> Tensor:
    """Compute h_HT, the first `length` taps of every head, as the model computes them; the result is in float64."""
    weight = next(feature.parameters())
    h = feature(weight.new_zeros(1, 1, feature.width), length, None)
    return Filter(feature.group.generator, window=None).taps(h, length).double()


def error_of(fitted_HT: Tensor, h_HT: Tensor) -> float:
    """Divide the l2 norm of the difference by that of the taps."""
    norm = float(h_HT.norm())
    return float((fitted_HT - h_HT).norm()) / norm if norm else float(fitted_HT.norm())
