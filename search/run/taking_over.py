"""What a search takes over from an earlier one: its candidates with their trainings, which are not paid for again."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.metrics import STATIC
from genome import Genome, Space, digest, require_legal
from search.algorithms.algorithm import CostsOf
from search.archive import Archive
from search.archive.runner_values import PastTraining, TakenOver
from search.archive.values import CandidateState
from search.objectives import Frontier, objectives
from search.observations import Observations
from search.origin import Purpose
from search.plan import Plan


def taken_over(archive: Archive, job_id: str, plan: Plan, space: Space, costs: CostsOf) -> list[TakenOver]:
    """Return the candidates of a job that are legal in a space, in the order of their first outcomes.

    Of their trainings it takes those that succeeded and report what the plan asks for, but not those of an honest
    finish, from which a search learns nothing. Static metrics that were not reported then are counted now.
    """
    candidates = {row.number: row for row in archive.past(job_id)}
    asked = plan.judged_metrics
    trainings: dict[int, list[PastTraining]] = {}
    for row in archive.past_trainings(job_id):
        searched = row.state == CandidateState.SUCCEEDED and row.purpose != Purpose.FINISH
        if searched and asked - STATIC <= row.metrics.keys() and row.number in candidates:
            trainings.setdefault(row.number, []).append(row)
    names = {digest(genome, space): name for name, genome in plan.baseline_genomes().items()}
    found = []
    for number, own in trainings.items():
        text, observations = candidates[number].genome, Observations(plan)
        try:
            genome = Genome.parse(text)
            require_legal(genome, space)
        except ValueError:
            continue
        key, static = digest(genome, space), costs(genome, space)
        whole = [row._replace(metrics={**static, **row.metrics}) for row in own]
        summary = [observations.add(number, row.tokens, row.metrics) for row in whole][-1]
        found.append(TakenOver(number, text, key, names.get(key), summary, whole))
    return found


def frontier_of(found: Sequence[TakenOver], plan: Plan, reference: Sequence[float]) -> Frontier:
    """Return the frontier of what was taken over; the numbers are those in the new search, from 1 on."""
    points = {
        number: objectives(one.summary.metrics, plan)
        for number, one in enumerate(found, 1)
        if one.summary.feasible and one.summary.tokens == plan.budget.tokens
    }
    return Frontier(reference, points)
