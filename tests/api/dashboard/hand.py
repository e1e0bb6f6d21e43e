"""A search conducted by hand: what a runner would write to the archive, one candidate at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluator.evaluation import Evaluation, Failure
from genome import Genome, digest
from search.archive import Archive
from search.archive.runner_values import Claim
from search.costs import costs_of
from search.objectives import Frontier, objectives
from search.origin import Variation
from search.plan import Plan
from search.presets import merged
from search.proposal import Proposal

SIZES = {"width": 16, "head_dim": 4, "space": {"depth": 4}, "candidates": 30}
REFERENCE = {"bits_per_byte": 8.0, "parameters": 1e6, "cache_bytes": 1e7}


class Hand:
    """Holds one job of an archive and records candidates in it."""

    def __init__(self, archive: Archive, name: str, **changes: Any) -> None:
        self.archive = archive
        self.plan: Plan = merged("laptop", {**SIZES, **changes})
        self.id = archive.create_job(self.plan, name).id
        self.claim = self._own_claim()
        reference = {metric: REFERENCE[metric] for metric in self.plan.objectives}
        archive.set_reference(self.claim, reference)
        self.frontier = Frontier(list(reference.values()), {})

    def begin(self, genome: str, **facts: Any) -> int:
        """Propose a genome with its costs; gives its number. The facts are fields of the proposal."""
        value = Genome.parse(genome).canonical()
        known = Proposal(value, digest(value, self.plan.liv_space), (), Variation.SAMPLE, None, genes=20, repaired=2)
        costs = costs_of(self.plan)(value, self.plan.liv_space)
        return self.archive.propose(self.claim, replace(known, **{"costs": costs, **facts}), {})

    def end(self, number: int, quality: float, *, feasible: bool = True) -> None:
        """Record a candidate's metrics: the quality given, the costs as predicted."""
        genome = Genome.parse(self.archive.candidate(self.id, number).genome)
        metrics = {
            **costs_of(self.plan)(genome, self.plan.liv_space),
            "bits_per_byte": quality,
            "bits_per_byte_stderr": 0.02,
            "decode_ms": 0.4 + quality / 10,
            "train_seconds": 2.0,
        }
        evaluation = Evaluation(number, 1, metrics, curve=((1, 5.5), (50, 3.0), (100, 2.5)), seconds=2.0)
        point = objectives(metrics, self.plan)
        standing = self.frontier.add(number, point) if feasible else self.frontier.standing()
        assert self.archive.record(self.claim, evaluation, feasible=feasible, standing=standing, state={})

    def fail(self, number: int, failure: Failure, detail: str) -> None:
        evaluation = Evaluation(number, 1, failure=failure, detail=detail, seconds=1.0)
        standing = self.frontier.standing()
        assert self.archive.record(self.claim, evaluation, feasible=False, standing=standing, state={})

    def add(self, genome: str, quality: float, **facts: Any) -> int:
        """Propose and record at once."""
        number = self.begin(genome, **facts)
        self.end(number, quality)
        return number

    def _own_claim(self) -> Claim:
        while claim := self.archive.claim("hand", 600):
            if claim.job_id == self.id:
                return claim
        raise AssertionError("the job was not there to claim")
