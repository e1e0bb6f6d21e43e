"""Quality across rungs: a model of the lowest rung, and for each further one a model of what its tokens change.

A short training ranks genomes well, but not without bias: attention, for one, gains late. The change from rung to rung
is therefore predicted from the genome too, as high = low + change (Kennedy and O'Hagan 2000).

N outcomes, P candidates that train now, M genomes to predict, F features.
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

UNKNOWN = 0.5
"""Standard deviation of the change while it is not modelled, as a share of the spread on the lowest rung."""


class Climb(NamedTuple):
    """Predictions for the same M genomes on the rung where they begin and on the whole budget."""

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
        for rung, surrogate in enumerate(self._surrogates):
            own_N = rung_N == rung
            if own_N.sum() >= LEAST:
                y_K = y_N[own_N]
                if rung:
                    y_K = y_K - self._below(rung, x_NF, y_N, rung_N, x_NF[own_N])
                surrogate.search_parameters(x_NF[own_N], y_K)

    def predict(
        self, x_NF: Floats, y_N: Floats, rung_N: Ints, pending_PF: Floats, pending_rung_P: Ints, x_MF: Floats
    ) -> Climb:
        """Predict the quality of M genomes; for the arguments see `Surrogate.predict`."""
        first = last = self._change(0, x_NF, y_N, rung_N, _rows(pending_PF, pending_rung_P == 0), x_MF)
        for rung in range(1, len(self._surrogates)):
            change = self._change(rung, x_NF, y_N, rung_N, _rows(pending_PF, pending_rung_P == rung), x_MF)
            deviation_M = np.hypot(last.deviation, change.deviation)
            last = Prediction(last.mean + change.mean, deviation_M, max(last.noise, change.noise))
        return Climb(first, last)

    def state(self) -> list[list[float] | None]:
        """Return the parameters of every surrogate."""
        return [surrogate.theta for surrogate in self._surrogates]

    def restore(self, thetas: Sequence[list[float] | None]) -> None:
        """Take on parameters that `state` returned."""
        for surrogate, theta in zip(self._surrogates, thetas, strict=True):
            surrogate.theta = theta

    def _change(self, rung: int, x_NF: Floats, y_N: Floats, rung_N: Ints, pending: Floats, x_MF: Floats) -> Prediction:
        """Predict the change from the rung below to this one, or the quality itself on the lowest."""
        own_N = rung_N == rung
        x_KF, y_K = x_NF[own_N], y_N[own_N]
        if rung:
            y_K = y_K - self._below(rung, x_NF, y_N, rung_N, x_KF)
            if len(y_K) < LEAST:
                ones_M = np.ones(len(x_MF))
                return Prediction(
                    ones_M * (y_K.mean() if len(y_K) else 0.0), ones_M * UNKNOWN * _spread(y_N, rung_N), 0.0
                )
        return self._surrogates[rung].predict(x_KF, y_K, pending, x_MF)

    def _below(self, rung: int, x_NF: Floats, y_N: Floats, rung_N: Ints, x_KF: Floats) -> Floats:
        """Return the mean quality of genomes on the rung below."""
        none = np.empty((0, x_NF.shape[1]))
        changes = [self._change(lower, x_NF, y_N, rung_N, none, x_KF).mean for lower in range(rung)]
        below_K: Floats = np.sum(changes, axis=0)
        return below_K


def _rows(x_PF: Floats, wanted_P: NDArray[np.bool_]) -> Floats:
    return x_PF[wanted_P] if len(x_PF) else x_PF


def _spread(y_N: Floats, rung_N: Ints) -> float:
    return float(y_N[rung_N == 0].std())
