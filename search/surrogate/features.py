"""A genome as numbers for the surrogate: its operators, their order, what they share, and its costs.

N genomes, F features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genome import Blueprint, Placement, Space
from genome.classes.alphabet import Sparsity, TokenMixing

COSTS = ("parameters", "cache_bytes", "flops_per_token")
"""The static metrics that are features. A longer list would change the columns of searches that were begun before."""

SMALLEST_COST = 1.0
"""Added to a cost before its logarithm is taken, as a cache may be empty."""


class Features:
    """Turns blueprints into rows of numbers; the columns follow from the space a search began with.

    A class that a search invents later has no column of its own and is described by its digits.
    """

    def __init__(self, space: Space) -> None:
        self._classes = [row.id for row in space.classes]

    def row(self, blueprint: Blueprint, costs: Mapping[str, float]) -> NDArray[np.float64]:
        """Return the features of one genome, (F,); `costs` are its static metrics."""
        livs = blueprint.livs
        classes = Counter(liv.liv_class.id for liv in livs)
        operators = [liv.liv_class.operator for liv in livs]
        shares = [classes[number] / len(livs) for number in self._classes]
        values = [
            *shares,
            *(float(share > 0) for share in shares),
            *_shares([operator.token_mixing for operator in operators], TokenMixing),
            *_shares([operator.sparsity for operator in operators], Sparsity),
            *_places([operator.token_mixing for operator in operators]),
            _mean([liv.liv_class.differential for liv in livs]),
            _mean([liv.weights_from != position for position, liv in enumerate(livs)]),
            _mean([liv.features_from != position for position, liv in enumerate(livs)]),
            _mean([_alike(first, second) for first, second in pairwise(livs)]),
            len(classes) / len(livs),
            len(livs) / blueprint.depth,
            *(np.log(costs[name] + SMALLEST_COST) for name in COSTS if name in costs),
        ]
        return np.array(values, dtype=float)


def _shares(values: Sequence[IntEnum], alphabet: type[IntEnum]) -> list[float]:
    """Return the share of each digit of an alphabet."""
    counts = Counter(values)
    return [counts[digit] / len(values) for digit in alphabet]


def _places(mixings: Sequence[TokenMixing]) -> list[float]:
    """Return for each structure its mean place in the stack, -0.5 (first) to 0.5 (last); 0 where it is absent."""
    last = max(1, len(mixings) - 1)
    places = {mixing: [n / last - 0.5 for n, one in enumerate(mixings) if one is mixing] for mixing in TokenMixing}
    return [_mean(places[mixing]) for mixing in TokenMixing]


def _alike(first: Placement, second: Placement) -> bool:
    return first.liv_class.operator.token_mixing is second.liv_class.operator.token_mixing


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
