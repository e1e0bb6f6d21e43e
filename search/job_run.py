"""The run of one claimed job: its evolution, its frontier and its candidates in flight, in a runner's memory.

Every change is written to the archive before anything depends on it. A runner may therefore die between any two
lines, and another one continues from the archive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from numpy.random import PCG64, Generator

from evaluator.evaluation import Evaluation, Evaluator, Failure, Request
from evaluator.metrics import STATIC
from genome import Genome, Space
from search.algorithms.algorithm import Begun, CostsOf, Outcome, Past
from search.archive import Archive
from search.archive.errors import LeaseLostError
from search.archive.values import CandidateState, Claim, PastCandidate
from search.evolve import Evolution
from search.objectives import Frontier, judged, objectives, violation
from search.plan import Plan
from search.weights import stage, sweep

CostsUnder = Callable[[Plan], CostsOf]
"""Returns a function from a genome and its space to its static metrics under a plan."""

Reference = Callable[[Plan], dict[str, float]]
"""Computes the hypervolume reference of a plan: a value of each objective, worse than the search should find."""

LAST_ATTEMPT = 10
"""A candidate begun this often without an outcome is recorded as `killed` and not begun again."""


class InFlight(NamedTuple):
    """A candidate that was begun and has no outcome."""

    number: int
    attempt: int
    genome: Genome
    baseline: str | None


class JobRun:
    """A claimed job under way.

    Attributes:
        plan: the job's plan.
        in_flight: the candidates that the evaluator works on, by number.
        exhausted: whether the evolution found no genome that is new and within the plan's limits.
    """

    def __init__(
        self, archive: Archive, claim: Claim, plan: Plan, evolution: Evolution, frontier: Frontier, artifacts: Path
    ) -> None:
        self._archive = archive
        self._claim = claim
        self._evolution = evolution
        self._frontier = frontier
        self._artifacts = artifacts
        self._abandoned = deque(
            InFlight(c.number, c.attempt, Genome.parse(c.genome), c.baseline) for c in archive.in_flight(claim.job_id)
        )
        self.plan = plan
        self.in_flight: dict[int, InFlight] = {}

    @classmethod
    def opened(cls, archive: Archive, claim: Claim, artifacts: Path, reference: Reference, costs: CostsUnder) -> Self:
        """Begin a job, or continue it from what its last runner recorded.

        Raises:
            ValueError: the plan, the space or the reference is not legal.
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
            evolution = Evolution(plan, Generator(PCG64(plan.seed)), costs(plan), space)
        else:
            past = _past(archive.past(claim.job_id), plan, space)
            evolution = Evolution.restore(plan, claim.evolution, past, costs(plan))
        run = cls(archive, claim, plan, evolution, frontier, artifacts)
        run.sweep()
        return run

    def fill(self, evaluator: Evaluator) -> None:
        """Submit requests until the evaluator is full: first the candidates of a dead runner, then new ones."""
        while evaluator.busy < evaluator.capacity:
            begun = self._retried() or self._proposed_next()
            if begun is None:
                return
            self.in_flight[begun.number] = begun
            evaluator.submit(self._request(begun))

    @property
    def exhausted(self) -> bool:
        """Whether the evolution found no genome that is new and within the plan's limits."""
        return self._evolution.exhausted

    def prepare(self) -> None:
        """Let the evolution work ahead while all workers are busy."""
        if self._evolution.proposed < self.plan.candidates:
            self._evolution.prepare()

    def conclude(self, evaluation: Evaluation) -> None:
        """Report an outcome to the evolution and record it. The outcome of an earlier attempt is ignored.

        Raises:
            LeaseLostError: the archive has a later attempt at the candidate, or the claim no longer holds.
        """
        begun = self.in_flight.get(evaluation.candidate)
        if begun is None or begun.attempt != evaluation.attempt:
            return
        evaluation = judged(evaluation, self.plan)
        succeeded = evaluation.failure is None
        point = objectives(evaluation.metrics, self.plan) if succeeded else None
        excess = violation(evaluation.metrics, self.plan) if succeeded else 0.0
        feasible = succeeded and excess == 0
        standing = self._frontier.add(begun.number, point) if feasible and point else self._frontier.standing()
        self._evolution.tell(Outcome(begun.number, begun.genome, point, excess))
        weights = evaluation.weights if begun.number in standing.entered or begun.baseline else None
        recorded = self._archive.record(
            self._claim,
            evaluation,
            feasible=feasible,
            standing=standing,
            state=self._evolution.state(),
            weights=weights is not None,
            publish=_nothing if weights is None else stage(self._artifacts, self._claim.job_id, begun.number, weights),
        )
        if not recorded:
            raise LeaseLostError(f"candidate {begun.number} of job {self._claim.job_id} was begun by another runner")
        del self.in_flight[begun.number]
        if standing.left:
            self.sweep()

    def sweep(self) -> None:
        """Delete weights that are no longer kept: of candidates that left the frontier, and of dead runners."""
        sweep(self._artifacts, self._claim.job_id, self._archive.with_weights(self._claim.job_id))

    def _retried(self) -> InFlight | None:
        while self._abandoned:
            begun = self._abandoned.popleft()
            if begun.attempt < LAST_ATTEMPT:
                return begun._replace(attempt=self._archive.retry(self._claim, begun.number))
            self.in_flight[begun.number] = begun
            detail = f"begun {begun.attempt} times, and every runner died before it had an outcome"
            self.conclude(Evaluation(begun.number, begun.attempt, failure=Failure.KILLED, detail=detail))
        return None

    def _proposed_next(self) -> InFlight | None:
        if self._evolution.proposed >= self.plan.candidates or self.exhausted:
            return None
        proposal = self._evolution.ask()
        if proposal is None:
            return None
        number = self._archive.propose(self._claim, proposal, self._evolution.state())
        return InFlight(number, 1, proposal.genome, proposal.baseline)

    def _request(self, begun: InFlight) -> Request:
        return Request(
            candidate=begun.number,
            attempt=begun.attempt,
            genome=str(begun.genome),
            space=self._evolution.space.to_json(),
            shape=self.plan.shape,
            task=self.plan.task,
            budget=self.plan.budget,
            context=self.plan.context,
            seed=self.plan.seed,
        )


def _past(rows: Sequence[PastCandidate], plan: Plan, space: Space) -> Past:
    """Return the past of a search as its evolution knew it."""
    ended = sorted((row for row in rows if row.outcome is not None), key=lambda row: row.outcome or 0)
    return Past(
        begun=[Begun(row.number, Genome.parse(row.genome), row.digest, _static(row.metrics)) for row in rows],
        outcomes=[_outcome(row, plan) for row in ended],
        space=space,
    )


def _outcome(row: PastCandidate, plan: Plan) -> Outcome:
    genome = Genome.parse(row.genome)
    if row.state != CandidateState.SUCCEEDED:
        return Outcome(row.number, genome, None)
    return Outcome(row.number, genome, objectives(row.metrics, plan), violation(row.metrics, plan))


def _static(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name in STATIC}


def _nothing() -> None:
    """Publish no weights."""
