"""A search driven step by step, as a runner does it, with outcomes by a formula."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from evaluator.artifacts import Artifact
from evaluator.evaluation import Evaluation, Execution, Failure
from genome import Genome
from search.algorithms.algorithm import Outcome
from search.archive import Archive
from search.archive.runner_values import Claim
from search.evolution.evolve import Evolution
from search.evolution.proposal import Proposal
from search.objectives import Frontier, objectives
from search.observations import Summary
from search.plan import Plan
from tests.search.twin import analytic, corner, twin_costs

EXECUTION = Execution("NVIDIA H100", {"recurrence": ["torch", "triton"]}, parts=2, peak_bytes=30 * 2**30)


def claimed(archive: Archive, lease_seconds: float = 60.0) -> Claim:
    """Claim the oldest free job."""
    claim = archive.claim("by hand", lease_seconds)
    assert claim is not None
    return claim


@dataclass
class Searching:
    """A claimed job with its evolution and frontier."""

    archive: Archive
    claim: Claim
    plan: Plan
    evolution: Evolution
    frontier: Frontier

    @classmethod
    def started(cls, archive: Archive, plan: Plan, lease_seconds: float = 60.0) -> Self:
        archive.create_job(plan, "by hand")
        claim = claimed(archive, lease_seconds)
        archive.set_reference(claim, corner(plan))
        evolution = Evolution(plan, np.random.Generator(np.random.PCG64(plan.seed)), twin_costs(plan))
        return cls(archive, claim, plan, evolution, Frontier(list(corner(plan).values()), {}))

    @property
    def job_id(self) -> str:
        return self.claim.job_id

    def propose(self) -> int:
        proposal = self.evolution.ask()
        assert isinstance(proposal, Proposal)
        return self.archive.propose(self.claim, proposal, self.evolution.state()).number

    def record(
        self,
        number: int,
        *,
        attempt: int = 1,
        failure: Failure | None = None,
        feasible: bool = True,
        detail: str = "",
        state: dict[str, Any] | None = None,
    ) -> bool:
        """Record the outcome of the training of a candidate that is in flight."""
        begun = next(one for one in self.archive.in_flight(self.job_id) if one.number == number)
        genome = Genome.parse(begun.genome)
        metrics = {} if failure else analytic(genome)
        point = objectives(metrics, self.plan) if metrics else None
        standing = self.frontier.add(number, point) if point and feasible else self.frontier.standing()
        self.evolution.tell(Outcome(number, genome, point))
        weights = None if failure else Artifact.of(f"{self.job_id}/{number}", b"weights")
        evaluation = Evaluation(
            number, attempt, metrics, ((1, 5.5),), failure, detail, 2.0, weights, execution=EXECUTION
        )
        released = self.archive.record(
            self.claim,
            replace(evaluation, seed=begun.seed, tokens=begun.tokens),
            summary=None if failure else Summary(metrics, begun.tokens, 1, feasible),
            standing=standing,
            state=self.evolution.state() if state is None else state,
            keeps_weights=bool(standing.entered),
        )
        return released is not None

    def go(self, count: int) -> None:
        """Propose and record `count` candidates; every fifth fails, every seventh is infeasible."""
        for _ in range(count):
            number = self.propose()
            self.record(number, failure=Failure.DIVERGED if number % 5 == 0 else None, feasible=number % 7 != 0)
