"""The expected gain of hypervolume of genomes that were not trained, from the outcomes of those that were.

N outcomes, P candidates that train now, M genomes to score, F features, D objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray

from search.surrogate.box import Box
from search.surrogate.improvement import added_volume, expected_improvement
from search.surrogate.model import Prediction, Surrogate

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """What is known of a search.

    Attributes:
        features, objectives: of the outcomes, (N, F) and (N, D).
        feasible: whether an outcome may be on the frontier, (N,).
        pending: features of the candidates that train now, (P, F).
    """

    features: Floats
    objectives: Floats
    feasible: NDArray[np.bool_]
    pending: Floats


class Scores(NamedTuple):
    """The scores of M genomes: expected improvement, (M,), and the prediction of the uncertain objective, if any."""

    improvement: Floats
    prediction: Prediction | None


class Acquisition:
    """Scores genomes by their expected gain of hypervolume, in which one objective is uncertain.

    Static objectives are exact. Of the objectives that are known only after training, the first is uncertain; of the
    others the predicted mean counts as known.

    Args:
        static_D: which objectives are static.
    """

    def __init__(self, static_D: list[bool]) -> None:
        self._static_D = np.array(static_D, dtype=bool)
        self._surrogates = {d: Surrogate() for d, static in enumerate(static_D) if not static}
        self._searched = 0

    def learn(self, seen: Seen, growth: float) -> None:
        """Search the parameters of every surrogate, if the outcomes have grown by the factor since the last time."""
        if len(seen.features) >= growth * self._searched:
            self._searched = len(seen.features)
            for d, surrogate in self._surrogates.items():
                surrogate.search_parameters(seen.features, seen.objectives[:, d])

    def scores(self, seen: Seen, x_MF: Floats, static_MD: Floats) -> Scores:
        """Score genomes; `static_MD` holds their static objectives, and anything in the other columns."""
        count = len(seen.features)
        y_ND, known_MD = seen.objectives.copy(), static_MD.copy()
        predictions = []
        for d, surrogate in self._surrogates.items():
            x_NMF = np.vstack([seen.features, x_MF])
            both = surrogate.predict(seen.features, seen.objectives[:, d], seen.pending, x_NMF)
            y_ND[:, d], known_MD[:, d] = both.mean[:count], both.mean[count:]
            predictions.append(Prediction(both.mean[count:], both.deviation[count:], both.noise))
        points_ND = y_ND[seen.feasible] if seen.feasible.any() else y_ND
        box = Box.around(points_ND, self._static_D)
        front_KD = box.scaled(points_ND)
        front_KD = front_KD[moocore.is_nondominated(front_KD)]
        scaled_MD = box.scaled(known_MD)
        if not predictions:
            return Scores(added_volume(scaled_MD, front_KD, box.reference), None)
        first = next(iter(self._surrogates))
        others = [d for d in range(len(self._static_D)) if d != first]
        improvement_M = expected_improvement(
            scaled_MD[:, first],
            predictions[0].deviation / box.span[first],
            scaled_MD[:, others],
            front_KD[:, first],
            front_KD[:, others],
            box.reference[[first, *others]],
        )
        return Scores(improvement_M, predictions[0])

    def state(self) -> dict[str, Any]:
        """Return the parameters of the surrogates as JSON."""
        return {"searched": self._searched, "theta": {str(d): one.theta for d, one in self._surrogates.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on parameters that `state` returned."""
        self._searched = state["searched"]
        for d, surrogate in self._surrogates.items():
            surrogate.theta = state["theta"][str(d)]
