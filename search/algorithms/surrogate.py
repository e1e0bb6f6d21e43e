"""Search by a surrogate: the genome whose training is expected to gain the most hypervolume comes next.

pymoo breeds a pool of children, to which random genomes are added; a model predicts the quality of each, and its costs
are exact.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import moocore
import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from pymoo.core.population import Population

from evaluator.metrics import STATIC
from genome import Genome, Space, decode
from search.algorithms.algorithm import Algorithm, Choice, Costs, CostsOf, Outcome, Past, Trial, sampled
from search.algorithms.population import Breeding, individual
from search.origin import Purpose, Reason
from search.plan import Plan
from search.surrogate.acquisition import Acquisition, Scores, Seen
from search.surrogate.features import Features

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

EXPLORATION = 0.1
"""Share of proposals that are random."""

POOL = ((1.0, 192), (3.0, 96))
"""Children bred for each proposal: the factor on the plan's mutation rate, and their number."""

SAMPLES = 96
"""Random genomes that the pool holds beside the children."""

PARENTS = 24
"""Members of the population that they are bred from."""

COMPETING = 300
"""Outcomes that compete to be parents, beside the frontier; the time to rank them grows with their square."""

LEAST_OUTCOMES = 4
"""Successful outcomes that the model needs."""

GROWTH = 1.15
"""Growth of the number of outcomes after which the parameters of the model are searched again."""


class SurrogateSearch(Algorithm):
    """Samples until the population's size is reached, then proposes by expected improvement."""

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        super().__init__(plan, rng, costs)
        self._features = Features(plan.liv_space)
        self._acquisition = Acquisition([name in STATIC for name in plan.objectives], len(plan.levels))
        self._outcomes: list[Outcome] = []
        self._under_way: set[tuple[int, int]] = set()
        self._rows: dict[int, Floats] = {}
        self._pool: list[Trial] = []
        self._bred_after: int | None = None

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        if proposed < self.plan.population or not self._learnable():
            while True:
                yield sampled(space, self.rng, Reason.SAMPLING)
        if self.rng.random() < EXPLORATION:
            self._pool, self._bred_after = [], None  # bred for this place; a restored search would breed for the next
            yield sampled(space, self.rng, Reason.EXPLORATION)
        self.prepare(space, proposed)
        pool, self._pool, self._bred_after = self._pool, [], None
        yield from self._ordered(pool)
        while True:
            yield sampled(space, self.rng, Reason.EXPLORATION)

    def prepare(self, space: Space, proposed: int) -> None:
        if self._pool or proposed < self.plan.population or not self._learnable():
            return
        try:
            self._acquisition.learn(self._seen(), GROWTH)
        except np.linalg.LinAlgError:
            log.exception("the parameters of the model were not found; it keeps its former ones")
        self._bred_after = len(self._outcomes)
        rng = Generator(PCG64([self.plan.seed, proposed]))
        breeding = Breeding(self.plan, rng)
        competing = [individual(one) for one in self._competing()]
        parents = breeding.survivors(Population.create(*competing), PARENTS)
        self._pool = [trial for factor, size in POOL for trial in breeding.children(parents, space, size, factor)]
        self._pool += [sampled(space, rng, Reason.SAMPLING) for _ in range(SAMPLES)]

    def begin(self, number: int, trial: Trial, costs: Costs) -> None:
        self._rows[number] = self._row(trial.draft.genome, trial.space, costs)

    def train(self, number: int, tokens: int) -> None:
        self._under_way.add((number, tokens))

    def tell(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._under_way.discard((outcome.number, outcome.tokens or self.plan.budget.tokens))

    def promise(self, outcomes: Sequence[Outcome]) -> Sequence[float]:
        """Return the expected improvement by the whole budget, given what fewer tokens gave."""
        if not self._learnable():
            return super().promise(outcomes)
        rows = np.stack([self._rows[one.number] for one in outcomes])
        static = np.array([one.objectives for one in outcomes], float)
        try:
            return [float(gain) for gain in self._acquisition.scores(self._seen(), rows, static).improvement]
        except np.linalg.LinAlgError:
            log.exception("the model failed; promotions follow the rank of non-domination")
            return super().promise(outcomes)

    def state(self) -> dict[str, Any]:
        return {"acquisition": self._acquisition.state(), "bred_after": self._bred_after}

    def restore(self, state: Mapping[str, Any], past: Past) -> None:
        self._acquisition.restore(state["acquisition"])
        self._rows = {one.number: self._row(one.genome, past.space, one.costs) for one in past.begun}
        self._outcomes = list(past.outcomes[: state["bred_after"]])
        if state["bred_after"] is not None:
            self.prepare(past.space, past.proposed + past.earlier)
        self._outcomes = list(past.outcomes)
        self._under_way = {(n, tokens) for n, tokens, purpose in past.trainings if purpose != Purpose.RETRY}
        self._under_way -= {(one.number, one.tokens or self.plan.budget.tokens) for one in past.outcomes}

    def _learnable(self) -> bool:
        return sum(one.objectives is not None and self._rung(one) == 0 for one in self._outcomes) >= LEAST_OUTCOMES

    def _competing(self) -> list[Outcome]:
        """Return the outcomes that may become parents: of many, the latest and those that no outcome dominates.

        They are first trainings of the lowest rung, so that all have read the same tokens.
        """
        every = [one for one in self._outcomes if self._rung(one) == 0 and not one.repeated]
        told = [one for one in every if one.objectives is not None]
        if len(told) <= COMPETING:
            return told
        stays = moocore.is_nondominated(np.array([one.objectives for one in told]))
        return [one for one, stay in zip(told[:-COMPETING], stays, strict=False) if stay] + told[-COMPETING:]

    def _row(self, genome: Genome, space: Space, costs: Costs) -> Floats:
        return self._features.row(decode(genome, space), costs)

    def _rung(self, outcome: Outcome) -> int:
        return self.plan.levels.index(outcome.tokens or self.plan.budget.tokens)

    def _seen(self) -> Seen:
        """Return what the model learns from; a failure counts as bad as the worst outcome in every objective."""
        found = [one.objectives for one in self._outcomes]
        worst = np.max([row for row in found if row is not None], axis=0)
        pending = sorted(self._under_way)
        return Seen(
            features=np.stack([self._rows[one.number] for one in self._outcomes]),
            objectives=np.array([worst if row is None else row for row in found]),
            rungs=np.array([self._rung(one) for one in self._outcomes]),
            feasible=np.array([one.feasible for one in self._outcomes]),
            pending=np.array([self._rows[number] for number, _ in pending]),
            pending_rungs=np.array([self.plan.levels.index(tokens) for _, tokens in pending], dtype=int),
        )

    def _ordered(self, pool: list[Trial]) -> Iterator[Trial]:
        """Yield the pool by expected improvement; if the model fails, as it was bred."""
        try:
            scores = self._scores(pool)
        except np.linalg.LinAlgError:
            log.exception("the model failed; the next genome is a child of selected parents")
            yield from pool
            return
        for n in np.argsort(-scores.improvement, kind="stable"):
            yield replace(pool[n], choice=_choice(scores, int(n)))

    def _scores(self, pool: list[Trial]) -> Scores:
        costs = [self.costs(trial.draft.genome, trial.space) for trial in pool]
        rows = [self._row(trial.draft.genome, trial.space, cost) for trial, cost in zip(pool, costs, strict=True)]
        static = [[cost.get(name, 0.0) for name in self.plan.objectives] for cost in costs]
        return self._acquisition.scores(self._seen(), np.stack(rows), np.array(static))


def _choice(scores: Scores, n: int) -> Choice:
    """Return why genome n of the pool was chosen."""
    predicted = deviation = None
    if scores.prediction is not None:
        predicted = float(scores.prediction.mean[n])
        deviation = float(np.hypot(scores.prediction.deviation[n], scores.prediction.noise))
    gain = float(scores.improvement[n])
    return Choice(Reason.IMPROVEMENT, predicted, deviation, gain, gain / scores.dominated)
