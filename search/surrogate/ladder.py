"""Quality across rungs: a model of the lowest rung, and for each further one a model of what its tokens change.

A short training ranks genomes well, but not without bias: attention, for one, gains late. The change from rung to rung
is therefore predicted from the genome too, as high = low + change (Kennedy and O'Hagan 2000).

N outcomes, K of them on one rung, P trainings under way, M genomes to predict, A = N + M, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.surrogate.model import Prediction, Surrogate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 4
"""Outcomes on a rung from which the change to it is modelled; below, it is their mean for every genome."""

UNKNOWN = 0.1
"""Standard deviation of a change that is not modelled yet, in the unit of the metric; bits per byte gain 0.1 to 0.6."""


class Climb(NamedTuple):
    """Predictions for the same genomes on the rung where they begin and on the whole budget."""

    first: Prediction
    last: Prediction


class Ladder:
    """One surrogate for each rung.

    Args:
        rungs: their number, 1 where everything is trained on the whole budget.
    """

    def __init__(self, rungs: int) -> None:
        self._surrogates = [Surrogate() for _ in range(rungs)]

    def search_parameters(self, x_NF: Floats, y_N: Floats, rung_N: Ints) -> None:
        """Set the parameters of every surrogate that has outcomes enough."""
        below_N = np.zeros(len(y_N))
        for rung, surrogate in enumerate(self._surrogates):
            own_N = rung_N == rung
            change_K = (y_N - below_N)[own_N]
            if len(change_K) >= LEAST:
                surrogate.search_parameters(x_NF[own_N], change_K)
            if rung + 1 < len(self._surrogates):
                below_N = below_N + self._change(rung, x_NF[own_N], change_K, x_NF[:0], x_NF).mean

    def predict(
        self, x_NF: Floats, y_N: Floats, rung_N: Ints, pending_PF: Floats, pending_rung_P: Ints, x_MF: Floats
    ) -> Climb:
        """Predict the quality of the N genomes with outcomes and of M others; see `Surrogate.predict`."""
        x_AF, count = np.vstack([x_NF, x_MF]), len(x_NF)
        climb: list[Prediction] = []
        for rung in range(len(self._surrogates)):
            own_N = rung_N == rung
            change_K = (y_N - climb[-1].mean[:count] if climb else y_N)[own_N]
            pending = pending_PF[pending_rung_P == rung] if len(pending_PF) else x_NF[:0]
            change = self._change(rung, x_NF[own_N], change_K, pending, x_AF)
            climb.append(_sum(climb[-1], change) if climb else change)
        return Climb(climb[0], climb[-1])

    def state(self) -> list[list[float] | None]:
        """Return the parameters of every surrogate."""
        return [surrogate.theta for surrogate in self._surrogates]

    def restore(self, thetas: Sequence[list[float] | None]) -> None:
        """Take on parameters that `state` returned."""
        for surrogate, theta in zip(self._surrogates, thetas, strict=True):
            surrogate.theta = theta

    def _change(self, rung: int, x_KF: Floats, change_K: Floats, pending: Floats, x_AF: Floats) -> Prediction:
        """Predict the change from the rung below to this one, or the quality itself on the lowest."""
        if len(change_K) >= LEAST:
            return self._surrogates[rung].predict(x_KF, change_K, pending, x_AF)
        mean = float(change_K.mean()) if len(change_K) else 0.0
        return Prediction(np.full(len(x_AF), mean), np.full(len(x_AF), UNKNOWN), 0.0)


def _sum(below: Prediction, change: Prediction) -> Prediction:
    """Return the prediction of a sum; the noise of the rung below is no part of it, because its mean is meant."""
    deviation = np.hypot(below.deviation, change.deviation)
    return Prediction(below.mean + change.mean, deviation, change.noise or below.noise)
