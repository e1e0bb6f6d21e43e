"""Results that keep coming: a job is claimed and driven as a runner does it, with outcomes that need no training."""

from __future__ import annotations

import time
from typing import Self

from numpy.random import PCG64, Generator

from evaluator.evaluation import Evaluation
from search.archive import Archive
from search.archive.runner_values import Claim
from search.costs import costs_of
from search.evolution.evolve import Evolution
from search.evolution.proposal import Proposal
from search.objectives import Standing
from search.observations import Summary
from search.plan import Plan


class Live:
    """A claimed job that takes on further candidates and records outcomes."""

    def __init__(self, archive: Archive, claim: Claim) -> None:
        self._archive, self._claim = archive, claim
        self._plan = Plan.model_validate(claim.plan)
        self._evolution = Evolution(self._plan, Generator(PCG64(9)), costs_of(self._plan))
        self._members = [one.number for one in archive.frontier(claim.job_id)]

    @classmethod
    def claimed(cls, archive: Archive) -> Self:
        """Claim the oldest job that is queued."""
        claim = archive.claim("benchmark", 3600.0)
        assert claim is not None
        return cls(archive, claim)

    def result(self, *, left: int = 0) -> float:
        """Propose a candidate and record its outcome, and return the seconds that recording it took.

        Args:
            left: candidates that leave the frontier, which the new one enters if there are some.
        """
        proposal = self._evolution.ask()
        assert isinstance(proposal, Proposal)
        begun = self._archive.propose(self._claim, proposal, self._evolution.state())
        quality = self._plan.task.metric.name
        metrics = {**proposal.costs, quality: 2.5 + begun.number / 1e7, f"{quality}_stderr": 0.01}
        gone, self._members = tuple(self._members[:left]), self._members[left:]
        standing = Standing((begun.number,) if left else (), gone, len(self._members) + 1, 0.5)
        evaluation = Evaluation(begun.number, 1, metrics, ((1, 3.0),), seed=begun.seed, tokens=begun.tokens)
        summary = Summary(metrics, begun.tokens, 1, True)
        state = self._evolution.state()
        began = time.perf_counter()
        self._archive.record(self._claim, evaluation, summary=summary, standing=standing, state=state)
        return time.perf_counter() - began
