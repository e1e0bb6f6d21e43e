"""Further seeds for members of the frontier whose place is uncertain, before newcomers get the budget.

The lowest of many noisy values is too low. A member whose lead is within the noise is therefore trained again with
another seed, and its mean decides.

N candidates, D objectives.
"""

from __future__ import annotations

import math
from statistics import fmean

import moocore
import numpy as np
from numpy.typing import NDArray

from evaluator.metrics import STATIC
from search.algorithms.algorithm import Outcome
from search.evolution.promotion import spent
from search.evolution.proposal import Further
from search.origin import Purpose
from search.plan import Plan

MOST_SEEDS = 4
"""Trainings of a candidate in the search, at most; the honest finish is apart."""

GUESSED_NOISE = 0.2
"""Standard deviation of seeds before repeats show it, as a share of that of candidates (measured: 0.054 / 0.28)."""

DEGREES = 3
"""Degrees of freedom from which the spread of repeats replaces the guess."""


class Repeats:
    """Chooses the members of the frontier that are trained again."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        uncertain = [d for d, name in enumerate(plan.objectives) if name not in STATIC]
        self._repeats = plan.repeats if uncertain else 0.0
        self._uncertain = uncertain[0] if uncertain else 0
        self._found: dict[int, list[list[float]]] = {}
        self._begun: dict[int, int] = {}
        self._told = 0
        self._others: set[int] = set()

    def begin(self, number: int) -> None:
        """Learn that a repeat began."""
        self._begun[number] = self._begun.get(number, 0) + 1

    def tell(self, outcome: Outcome) -> None:
        """Learn from the outcome of a training on the whole budget."""
        self._told += not outcome.earlier
        if outcome.earlier or outcome.retried:  # with seeds that repeats might use
            self._others.add(outcome.number)
        if outcome.feasible and outcome.objectives is not None:
            self._found.setdefault(outcome.number, []).append(outcome.objectives)

    def due(self) -> Further | None:
        """Return the repeat that is due, or None."""
        if sum(self._begun.values()) >= int(self._repeats * self._told):
            return None
        numbers = [number for number in self._found if not self._in_flight(number)]
        doubtful = zip(numbers, self._doubtful(numbers), strict=True)
        uncertain = [n for n, doubt in doubtful if doubt and n not in self._others]
        if not uncertain:
            return None
        number = min(uncertain, key=lambda n: (len(self._found[n]), n))
        seed = self._plan.training_seed(len(self._found[number]))
        tokens = self._plan.budget.tokens
        return Further(number, seed, tokens, Purpose.REPEAT, spent(self._plan, tokens, Purpose.REPEAT))

    def _in_flight(self, number: int) -> bool:
        return self._begun.get(number, 0) >= len(self._found[number])

    def _doubtful(self, numbers: list[int]) -> NDArray[np.bool_]:
        """Return which candidates are on the frontier and would not be if they were one standard error worse."""
        d = self._uncertain
        means_ND = np.array([np.mean(self._found[number], axis=0) for number in numbers])
        if len(means_ND) < 2:
            return np.zeros(len(numbers), bool)
        counts_N = np.array([len(self._found[number]) for number in numbers])
        on_N = moocore.is_nondominated(means_ND) & (counts_N < MOST_SEEDS)
        doubtful_N = np.zeros(len(numbers), bool)
        noise = self._noise(means_ND[:, d])
        for n in np.flatnonzero(on_N):
            worse_D = means_ND[n].copy()
            worse_D[d] += noise / math.sqrt(counts_N[n])
            others_ND = np.delete(means_ND, n, axis=0)
            doubtful_N[n] = bool((others_ND <= worse_D).all(axis=1).any())
        return doubtful_N

    def _noise(self, means_N: NDArray[np.float64]) -> float:
        """Return the standard deviation of one training around the mean of its candidate."""
        rows = [[row[self._uncertain] for row in found] for found in self._found.values() if len(found) > 1]
        degrees = sum(len(row) - 1 for row in rows)
        if degrees < DEGREES:
            return GUESSED_NOISE * float(means_N.std())
        squares = sum((value - fmean(row)) ** 2 for row in rows for value in row)
        return math.sqrt(squares / degrees)
