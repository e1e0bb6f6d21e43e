"""The expected gain of hypervolume of genomes that were not trained, from the outcomes of those that were.

N outcomes, P trainings under way, M genomes to score, F features, D objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import moocore
import numpy as np
from numpy.typing import NDArray

from search.surrogate.box import Box
from search.surrogate.improvement import added_volume, expected_improvement
from search.surrogate.ladder import Ints, Ladder
from search.surrogate.model import Prediction

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """What is known of a search.

    Attributes:
        features, objectives: of the outcomes, (N, F) and (N, D).
        rungs: the rung of each outcome, (N,), from 0 for the fewest tokens.
        feasible: whether an outcome may be on the frontier, (N,).
        pending, pending_rungs: features and rungs of the trainings under way, (P, F) and (P,).
    """

    features: Floats
    objectives: Floats
    rungs: Ints
    feasible: NDArray[np.bool_]
    pending: Floats
    pending_rungs: Ints


class Scores(NamedTuple):
    """The scores of M genomes.

    Attributes:
        improvement: expected gain of hypervolume on the whole budget, (M,).
        prediction: the uncertain objective, if any, on the rung where a genome begins.
        dominated: the hypervolume of the frontier, on the scale of the improvement.
    """

    improvement: Floats
    prediction: Prediction | None
    dominated: float


class Acquisition:
    """Scores genomes by their expected gain of hypervolume, in which one objective is uncertain.

    Static objectives are exact. Of the objectives that are known only after training, the first is uncertain; of the
    others the predicted mean counts as known.

    Args:
        static_D: which objectives are static.
        rungs: number of rungs; on the last one everything is trained on the whole budget.
    """

    def __init__(self, static_D: list[bool], rungs: int = 1) -> None:
        self._static_D = np.array(static_D, dtype=bool)
        self._ladders = {d: Ladder(rungs) for d, static in enumerate(static_D) if not static}
        self._last = rungs - 1
        self._searched = 0

    def learn(self, seen: Seen, growth: float) -> None:
        """Search the parameters of every surrogate, if the outcomes have grown by the factor since the last time."""
        if len(seen.features) >= growth * self._searched:
            self._searched = len(seen.features)
            for d, ladder in self._ladders.items():
                ladder.search_parameters(seen.features, seen.objectives[:, d], seen.rungs)

    def scores(self, seen: Seen, x_MF: Floats, static_MD: Floats) -> Scores:
        """Score genomes; `static_MD` holds their static objectives, and anything in the other columns."""
        count = len(seen.features)
        y_ND, known_MD = seen.objectives.copy(), static_MD.copy()
        climbs = []
        for d, ladder in self._ladders.items():
            known = (seen.features, seen.objectives[:, d], seen.rungs, seen.pending, seen.pending_rungs)
            climb = ladder.predict(*known, x_MF)
            y_ND[:, d], known_MD[:, d] = climb.last.mean[:count], climb.last.mean[count:]
            climbs.append(climb)
        points_ND = self._standing(y_ND, seen)
        box = Box.around(points_ND, self._static_D)
        front_KD = box.scaled(points_ND)
        front_KD = front_KD[moocore.is_nondominated(front_KD)]
        dominated = float(moocore.hypervolume(front_KD, ref=box.reference))
        scaled_MD = box.scaled(known_MD)
        if not climbs:
            return Scores(added_volume(scaled_MD, front_KD, box.reference), None, dominated)
        first = next(iter(self._ladders))
        others = [d for d in range(len(self._static_D)) if d != first]
        improvement_M = expected_improvement(
            scaled_MD[:, first],
            climbs[0].last.deviation[count:] / box.span[first],
            scaled_MD[:, others],
            front_KD[:, first],
            front_KD[:, others],
            box.reference[[first, *others]],
        )
        mean, deviation, noise = climbs[0].first
        return Scores(improvement_M, Prediction(mean[count:], deviation[count:], noise), dominated)

    def state(self) -> dict[str, Any]:
        """Return the parameters of the surrogates as JSON."""
        return {"searched": self._searched, "ladders": {str(d): one.state() for d, one in self._ladders.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on parameters that `state` returned."""
        self._searched = state["searched"]
        ladders = state["ladders"] if "ladders" in state else _one_rung(state["theta"])
        for d, ladder in self._ladders.items():
            ladder.restore(ladders[str(d)])

    def _standing(self, y_ND: Floats, seen: Seen) -> Floats:
        """Return the points that a frontier is made of: the feasible ones on the whole budget, while there are some."""
        for may_N in (seen.feasible & (seen.rungs == self._last), seen.feasible):
            if may_N.any():
                points_ND: Floats = y_ND[may_N]
                return points_ND
        return y_ND


def _one_rung(theta: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return parameters that were stored before there were rungs."""
    return {d: [one] for d, one in theta.items()}
