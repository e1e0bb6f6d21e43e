"""One claimed job in a runner's memory: its evolution, its frontier, and what is in flight.

The archive is the truth. Whatever changes here is in the archive before anything follows from it, so
a runner can die between any two lines and another goes on from what was recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from numpy.random import PCG64, Generator

from evaluator.evaluation import Evaluation, Evaluator, Failure, Request
from genome import Genome, Space
from search.archive import Archive
from search.archive.values import Claim, LeaseLostError
from search.archive.weights import stage, sweep
from search.evolve import Evolution
from search.objectives import Frontier, judged, objectives, violation
from search.plan import Plan

Reference = Callable[[Plan], dict[str, float]]
"""The hypervolume reference of a plan: a value for each objective, worse than what the search should find."""

LAST_ATTEMPT = 10
"""A candidate begun so often without an outcome is taken to kill its runners, and not begun again."""


class Flight(NamedTuple):
    """A candidate begun."""

    number: int
    attempt: int
    genome: Genome
    baseline: str | None


class Course:
    """The job of a claim, under way.

    Attributes:
        plan: the job's plan.
        in_flight: what the evaluator works on, by number.
        exhausted: whether no new genome could be found.
    """

    def __init__(
        self, archive: Archive, claim: Claim, plan: Plan, evolution: Evolution, frontier: Frontier, artifacts: Path
    ) -> None:
        self._archive = archive
        self._claim = claim
        self._evolution = evolution
        self._frontier = frontier
        self._artifacts = artifacts
        self._waiting = deque(
            Flight(c.number, c.attempt, Genome.parse(c.genome), c.baseline) for c in archive.in_flight(claim.job_id)
        )
        self._proposed = len(archive.digests(claim.job_id))
        self.plan = plan
        self.in_flight: dict[int, Flight] = {}
        self.exhausted = False

    @classmethod
    def opened(cls, archive: Archive, claim: Claim, artifacts: Path, reference: Reference) -> Self:
        """Take up a job where its last runner left it, or begin it.

        Raises:
            ValueError: plan, space or reference are not legal.
        """
        plan, space = Plan.model_validate(claim.plan), Space.from_json(claim.space)
        corner = claim.reference or reference(plan)
        missing = [metric for metric in plan.objectives if metric not in corner]
        if missing:
            raise ValueError(f"the hypervolume reference lacks {', '.join(missing)}")
        points = {c.number: objectives(c.metrics, plan) for c in archive.frontier(claim.job_id)}
        frontier = Frontier([corner[metric] for metric in plan.objectives], points)
        if not claim.reference:
            archive.set_reference(claim, {metric: float(corner[metric]) for metric in plan.objectives})
        if claim.evolution is None:
            evolution = Evolution(plan, Generator(PCG64(plan.seed)), space)
        else:
            evolution = Evolution.restore(plan, claim.evolution, archive.digests(claim.job_id), space)
        course = cls(archive, claim, plan, evolution, frontier, artifacts)
        course.sweep()
        return course

    def fill(self, evaluator: Evaluator) -> None:
        """Give the evaluator what it can take: first what a dead runner left, then new candidates."""
        while evaluator.busy < evaluator.capacity:
            flight = self._retried() or self._proposal()
            if flight is None:
                return
            self.in_flight[flight.number] = flight
            evaluator.submit(self._request(flight))

    def conclude(self, evaluation: Evaluation) -> None:
        """Tell the evolution what became of a candidate, and record it.

        Raises:
            LeaseLostError: the archive knows better; memory and truth have parted.
        """
        flight = self.in_flight.get(evaluation.candidate)
        if flight is None or flight.attempt != evaluation.attempt:
            return
        evaluation = judged(evaluation, self.plan)
        succeeded = evaluation.failure is None
        point = objectives(evaluation.metrics, self.plan) if succeeded else None
        excess = violation(evaluation.metrics, self.plan) if succeeded else 0.0
        feasible = succeeded and excess == 0
        standing = self._frontier.add(flight.number, point) if feasible and point else self._frontier.standing()
        self._evolution.tell(flight.number, flight.genome, point, excess)
        weights = evaluation.weights if flight.number in standing.entered or flight.baseline else None
        recorded = self._archive.record(
            self._claim,
            evaluation,
            feasible=feasible,
            standing=standing,
            state=self._evolution.state(),
            weights=weights is not None,
            seal=_nothing if weights is None else stage(self._artifacts, self._claim.job_id, flight.number, weights),
        )
        if not recorded:
            raise LeaseLostError(f"candidate {flight.number} of job {self._claim.job_id} was begun elsewhere")
        del self.in_flight[flight.number]
        if standing.left:
            self.sweep()

    def sweep(self) -> None:
        """Delete weights that nobody keeps: of those who left the frontier, and of runners that died."""
        sweep(self._artifacts, self._claim.job_id, self._archive.with_weights(self._claim.job_id))

    def _retried(self) -> Flight | None:
        while self._waiting:
            flight = self._waiting.popleft()
            if flight.attempt < LAST_ATTEMPT:
                return flight._replace(attempt=self._archive.retry(self._claim, flight.number))
            self.in_flight[flight.number] = flight
            detail = f"begun {flight.attempt} times, and no runner lived to see it end"
            self.conclude(Evaluation(flight.number, flight.attempt, failure=Failure.KILLED, detail=detail))
        return None

    def _proposal(self) -> Flight | None:
        if self._proposed >= self.plan.candidates or self.exhausted:
            return None
        proposal = self._evolution.ask()
        if proposal is None:
            self.exhausted = True
            return None
        number = self._archive.propose(self._claim, proposal, self._evolution.state())
        self._proposed += 1
        return Flight(number, 1, proposal.genome, proposal.baseline)

    def _request(self, flight: Flight) -> Request:
        return Request(
            candidate=flight.number,
            attempt=flight.attempt,
            genome=str(flight.genome),
            space=self._evolution.space.to_json(),
            shape=self.plan.shape,
            task=self.plan.task,
            budget=self.plan.budget,
            context=self.plan.context,
            seed=self.plan.seed,
        )


def _nothing() -> None:
    """There are no weights to put in their place."""
