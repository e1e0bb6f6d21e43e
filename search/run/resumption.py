"""What a runner rebuilds from the archive when it takes up a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from evaluator.artifacts import Artifact
from evaluator.metrics import STATIC
from genome import Genome, Space
from search.algorithms.algorithm import Begun, Outcome, Past
from search.archive import Archive
from search.archive.runner_values import PastTraining
from search.archive.values import CandidateState
from search.objectives import objectives
from search.observations import Observations, outcome
from search.origin import EXTRA, Purpose, Variation
from search.plan import Plan

NOT_AGAIN = frozenset({Purpose.FINISH, Purpose.WARM_START})
"""The purposes of trainings whose seeds an honest finish does not use again."""


@dataclass(frozen=True)
class Resumption:
    """The past of a job.

    Attributes:
        past: the past of its search as the evolution knew it.
        observations: of all candidates.
        points: the objectives of the feasible candidates that were trained on the whole budget, by number.
        checkpoints: of the candidates that may be promoted, by number.
        finish_begun: number and seed of each training of the honest finish that was begun, or that would use a seed
            of an earlier search.
        baselines: the numbers of the baselines.
    """

    plan: Plan
    past: Past
    observations: Observations
    points: dict[int, list[float]]
    checkpoints: dict[int, Artifact]
    finish_begun: set[tuple[int, int]]
    baselines: list[int]

    @classmethod
    def read(cls, archive: Archive, job_id: str, plan: Plan, space: Space) -> Self:
        """Read the past of a job."""
        candidates, trainings = archive.past(job_id), archive.past_trainings(job_id)
        begun = [
            Begun(
                number=row.number,
                genome=Genome.parse(row.genome),
                digest=row.digest,
                costs=_static(row.metrics),
                extra=row.variation in EXTRA,
                earlier=row.variation == Variation.WARM_START,
            )
            for row in candidates
        ]
        genomes = {one.number: one.genome for one in begun}
        searching = [row for row in trainings if row.purpose != Purpose.FINISH]
        observations, points = Observations(plan), {}
        for row in searching:
            if row.state == CandidateState.SUCCEEDED:
                summary = observations.add(row.number, row.tokens, row.metrics)
                if summary.tokens == plan.budget.tokens:
                    points[row.number] = objectives(summary.metrics, plan) if summary.feasible else None
        return cls(
            plan=plan,
            past=Past(
                begun=begun,
                outcomes=_outcomes(plan, searching, genomes),
                space=space,
                trainings=[
                    (row.number, row.tokens, row.purpose) for row in sorted(searching, key=lambda one: one.begun)
                ],
            ),
            observations=observations,
            points={number: point for number, point in points.items() if point is not None},
            checkpoints={row.number: Artifact.from_json(row.checkpoint) for row in trainings if row.checkpoint},
            finish_begun={(row.number, row.seed) for row in trainings if row.purpose in NOT_AGAIN},
            baselines=[row.number for row in candidates if row.baseline],
        )


def _outcomes(plan: Plan, trainings: Sequence[PastTraining], genomes: Mapping[int, Genome]) -> list[Outcome]:
    """Return the outcomes of trainings; of those that were taken over, all but the first on a rung are repeats."""
    outcomes: list[Outcome] = []
    seen: set[tuple[int, int]] = set()
    for row in trainings:
        if row.outcome is not None:
            one = outcome(plan, row.number, genomes[row.number], row.tokens, row.purpose, _metrics(row))
            again = one.earlier and (row.number, row.tokens) in seen
            outcomes.append(replace(one, repeated=one.repeated or again))
            seen.add((row.number, row.tokens))
    return outcomes


def _metrics(row: PastTraining) -> dict[str, float] | None:
    return row.metrics if row.state == CandidateState.SUCCEEDED else None


def _static(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name in STATIC}
