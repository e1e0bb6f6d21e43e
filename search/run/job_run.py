"""The run of one claimed job: its evolution, its frontier and its trainings in flight, in a runner's memory.

Every change is written to the archive before anything depends on it. A runner may therefore die between any two
lines, and another one continues from the archive.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from numpy.random import PCG64, Generator

from evaluator.artifacts import Artifact, Artifacts
from evaluator.evaluation import Evaluation, Evaluator, Failure
from genome import Genome, Space
from search.algorithms.algorithm import CostsOf
from search.archive import Archive
from search.archive.errors import LeaseLostError
from search.archive.runner_values import Claim, InFlight, TrainingKey, Waiting
from search.evolution.evolve import Evolution
from search.evolution.ordering import kind_of_evolution
from search.evolution.proposal import Proposal
from search.objectives import Frontier, far_corner, judged, objectives
from search.observations import Observations, Summary, outcome
from search.origin import Purpose
from search.plan import Plan
from search.run.faults import EnvironmentFault, evaluator_needed, plan_checked
from search.run.finish import finishing
from search.run.inheriting import inherited, needed
from search.run.request import request_of
from search.run.resumption import Resumption
from search.run.sweeping import delete, sweep
from search.run.taking_over import frontier_of, taken_over

CostsUnder = Callable[[Plan], CostsOf]
"""Returns a function from a genome and its space to its static metrics under a plan."""

Reference = Callable[[Plan], dict[str, float]]
"""Computes the hypervolume reference of a plan: a value of each objective, worse than the search should find."""

LAST_ATTEMPT = 10
"""A training begun this often without an outcome is recorded as `killed` and not begun again."""


class JobRun:
    """A claimed job under way.

    Attributes:
        plan: the job's plan.
        in_flight: the trainings that the evaluator works on.
    """

    def __init__(
        self,
        archive: Archive,
        claim: Claim,
        evolution: Evolution,
        frontier: Frontier,
        resumption: Resumption,
        artifacts: str,
    ) -> None:
        self._archive = archive
        self._claim = claim
        self._evolution = evolution
        self._frontier = frontier
        self._observations: Observations = resumption.observations
        self._checkpoints: dict[int, Artifact] = resumption.checkpoints
        self._finished: set[tuple[int, int]] = resumption.finish_begun
        self._baselines: list[int] = resumption.baselines
        self._store = Artifacts(artifacts)
        self._url = artifacts
        self._abandoned = deque(archive.in_flight(claim.job_id))
        self._began = time.monotonic() - claim.age
        self._waiting: deque[Waiting] = deque()
        self.plan = resumption.plan
        self.in_flight: dict[TrainingKey, InFlight] = {}

    @classmethod
    def opened(cls, archive: Archive, claim: Claim, artifacts: str, reference: Reference, costs: CostsUnder) -> Self:
        """Begin a job, or continue it from what its last runner recorded.

        Raises:
            PlanFault: the plan, the space or the reference is not legal.
            ArtifactError: the store of artifacts cannot be written.
        """
        Artifacts(artifacts).require_writable()
        with plan_checked():
            plan, space = Plan.model_validate(claim.plan), Space.from_json(claim.space)
            corner = claim.reference or reference(plan)
            far = far_corner(corner, plan)
        if not claim.reference:
            archive.set_reference(claim, {metric: float(corner[metric]) for metric in plan.objectives})
        if claim.evolution is None and plan.warm_start is not None:
            found = taken_over(archive, plan.warm_start, plan, space, costs(plan))
            archive.take_over(claim, plan.warm_start, found, frontier_of(found, plan, far))
        resumption = Resumption.read(archive, claim.job_id, plan, space)
        frontier = Frontier(far, resumption.points)
        if claim.evolution is None:
            evolution = kind_of_evolution(plan)(plan, Generator(PCG64(plan.seed)), costs(plan), space)
            evolution.take_over(resumption.past)
        else:
            evolution = kind_of_evolution(plan).restore(plan, claim.evolution, resumption.past, costs(plan))
        run = cls(archive, claim, evolution, frontier, resumption, artifacts)
        run.sweep()
        return run

    def fill(self, evaluator: Evaluator) -> None:
        """Submit requests until the evaluator is full.

        First come the trainings of a dead runner, then genomes that somebody asked for, then those of the search.
        """
        if evaluator.busy < evaluator.capacity:
            self._waiting = deque(self._archive.waiting(self._claim.job_id))
        while evaluator.busy < evaluator.capacity:
            begun = self._retried() or self._injected() or self._next() or self._next_of_finish()
            if begun is None:
                return
            self.in_flight[begun.key] = begun
            checkpoint = self._checkpoints.get(begun.number) if begun.purpose == Purpose.PROMOTION else None
            space, job_id = self._evolution.space, self._claim.job_id
            with evaluator_needed():
                evaluator.submit(request_of(self.plan, space, job_id, begun, self._url, checkpoint))

    @property
    def why(self) -> str:
        """The reason why fewer candidates were proposed than the plan asks for, or an empty text."""
        return self._evolution.why

    def prepare(self) -> None:
        """Let the evolution work ahead while all workers are busy."""
        self._evolution.prepare()

    def conclude(self, evaluation: Evaluation) -> None:
        """Report an outcome to the evolution and record it. The outcome of an earlier attempt is ignored.

        Raises:
            EnvironmentFault: the worker could not write to or read from the store of artifacts.
            LeaseLostError: the archive has a later attempt at the training, or the claim no longer holds.
        """
        begun = self.in_flight.get(TrainingKey(evaluation.candidate, evaluation.seed, evaluation.tokens))
        if begun is None or begun.attempt != evaluation.attempt:
            return
        if evaluation.failure is Failure.STORAGE:
            raise EnvironmentFault(f"a worker cannot use the store of artifacts: {evaluation.detail}")
        evaluation = judged(evaluation, self.plan)
        standing, summary = self._frontier.standing(), None
        if begun.purpose != Purpose.FINISH:
            metrics = None if evaluation.failure else evaluation.metrics
            genome = Genome.parse(begun.genome)
            self._evolution.tell(outcome(self.plan, begun.number, genome, begun.tokens, begun.purpose, metrics))
            if evaluation.failure is None:
                summary = self._observations.add(begun.number, begun.tokens, evaluation.metrics)
                if summary.tokens == self.plan.budget.tokens:
                    standing = self._frontier.add(begun.number, self._point(summary))
        released = self._archive.record(
            self._claim,
            evaluation,
            summary=summary,
            standing=standing,
            state=self._evolution.state(),
            keeps_weights=begun.number in self._frontier.members or begun.baseline is not None,
        )
        if released is None:
            raise LeaseLostError(f"candidate {begun.number} of job {self._claim.job_id} was begun by another runner")
        if evaluation.checkpoint is not None:
            self._checkpoints[begun.number] = evaluation.checkpoint
        del self.in_flight[begun.key]
        delete(self._store, set(released) - needed(self.in_flight.values()))

    def sweep(self) -> None:
        """Delete the artifacts of the job that no row refers to, left by dead runners and their workers."""
        sweep(self._store, self._claim.job_id, self._archive.artifacts(self._claim.job_id), self._abandoned)

    def _point(self, summary: Summary) -> list[float] | None:
        return objectives(summary.metrics, self.plan) if summary.feasible else None

    def _retried(self) -> InFlight | None:
        while self._abandoned:
            begun = self._abandoned.popleft()
            if begun.attempt < LAST_ATTEMPT:
                return self._archive.retry(self._claim, begun)
            self.in_flight[begun.key] = begun
            detail = f"begun {begun.attempt} times, and every runner died before it had an outcome"
            lost = Evaluation(begun.number, begun.attempt, failure=Failure.KILLED, detail=detail)
            self.conclude(replace(lost, seed=begun.seed, tokens=begun.tokens))
        return None

    def _injected(self) -> InFlight | None:
        if not self._waiting:
            return None
        one = self._waiting.popleft()
        proposal = self._evolution.inject(Genome.parse(one.genome), one.by)
        return self._archive.propose(self._claim, proposal, self._evolution.state())

    def _next(self) -> InFlight | None:
        asked = self._evolution.ask(time.monotonic() - self._began)
        if asked is None:
            return None
        if isinstance(asked, Proposal):
            given = inherited(self._archive, self._claim.job_id, self.plan, asked)
            begun = self._archive.propose(self._claim, asked, self._evolution.state(), given)
            if asked.baseline:
                self._baselines.append(begun.number)
            return begun
        return self._archive.begin(self._claim, asked, self._evolution.state())

    def _next_of_finish(self) -> InFlight | None:
        """Begin the next training of the honest finish, once the search itself has nothing left."""
        if any(one.purpose != Purpose.FINISH for one in self.in_flight.values()):
            return None
        for further in finishing(self.plan, self._frontier, self._baselines):
            if (further.number, further.seed) not in self._finished:
                self._finished.add((further.number, further.seed))
                return self._archive.begin(self._claim, further, self._evolution.state())
        return None
