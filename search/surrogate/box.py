"""The box in which expected improvement is measured: costs on a logarithmic scale, quality as it is.

A cost matters by ratio: halving a cache is worth the same at 2 MB and at 200 kB. Below a thousandth of the largest cost
seen, smaller is no better.

N points, D objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RANGE = 1000.0
"""Ratio of the largest cost to the smallest one that is told apart."""

MARGIN = 0.1
"""Distance of the far corner of the volume from the worst values, as a share of the span."""


@dataclass(frozen=True)
class Box:
    """Scales objectives so that the box spans 0 to 1.

    Attributes:
        logarithmic: which objectives are costs.
        floor: the smallest value of a cost that is told apart.
        low, span: the best value, and the distance of the worst one; of costs the logarithms.
    """

    logarithmic: NDArray[np.bool_]
    floor: Floats
    low: Floats
    span: Floats

    @classmethod
    def around(cls, points_ND: Floats, logarithmic_D: NDArray[np.bool_]) -> Box:
        """Return the box of a search: from the best values to the worst quality on the frontier and the highest costs.

        The worst quality of all points would make room for genomes that are cheap and bad. The highest costs on the
        frontier alone would leave little room for a genome that is better than all others and costs more.
        """
        front_KD = points_ND[moocore.is_nondominated(points_ND)]
        worst_D = np.where(logarithmic_D, points_ND.max(0), front_KD.max(0))
        return cls.between(front_KD.min(0), worst_D, logarithmic_D)

    @classmethod
    def between(cls, best_D: Floats, worst_D: Floats, logarithmic_D: NDArray[np.bool_]) -> Box:
        """Return the box between two corners."""
        floor_D = np.where(logarithmic_D, np.maximum(worst_D / RANGE, 1e-9), -np.inf)
        low_D, high_D = (_raw(corner_D, logarithmic_D, floor_D) for corner_D in (best_D, worst_D))
        return cls(logarithmic_D, floor_D, low_D, np.where(high_D - low_D > 1e-9, high_D - low_D, 1.0))

    @property
    def reference(self) -> Floats:
        """The far corner, on the scale of `scaled`."""
        return np.full(len(self.low), 1.0 + MARGIN)

    def scaled(self, points_ND: Floats) -> Floats:
        """Return points on the scale of the box; a deviation of objective d is divided by `span[d]`."""
        scaled: Floats = (_raw(points_ND, self.logarithmic, self.floor) - self.low) / self.span
        return scaled


def _raw(points_ND: Floats, logarithmic_D: NDArray[np.bool_], floor_D: Floats) -> Floats:
    bounded_ND = np.maximum(points_ND, floor_D)
    return np.where(logarithmic_D, np.log(np.where(logarithmic_D, bounded_ND, 1.0)), bounded_ND)
