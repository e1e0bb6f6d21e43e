"""A search conducted by hand: what a runner would write to the archive, one training at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evaluator.evaluation import Evaluation, Execution, Failure
from genome import Genome, digest
from search.archive import Archive
from search.archive.runner_values import Claim, InFlight
from search.costs import costs_of
from search.evolution.proposal import Further, Proposal
from search.objectives import Frontier, Standing, objectives
from search.observations import Observations, Summary
from search.origin import Purpose, Variation
from search.plan import Plan
from search.plan.presets import merged
from tests.served import ONCE

SIZES: dict[str, Any] = {"width": 16, "head_dim": 4, "space": {"depth": 4}, "candidates": 30, **ONCE}
REFERENCE = {"bits_per_byte": 8.0, "parameters": 1e6, "cache_bytes": 1e7}


def falling(steps: int, quality: float) -> tuple[tuple[int, float], ...]:
    """Return a curve of training loss, in nats, that approaches a quality in bits."""
    return tuple((n, 0.7 * quality + 3.4 * 2 ** (-n / 15)) for n in range(1, steps + 1, 3))


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
        self.observations = Observations(self.plan)

    def begin(self, genome: str, **facts: Any) -> int:
        """Propose a genome with its costs; gives its number. The facts are fields of the proposal."""
        value = Genome.parse(genome).canonical()
        known = Proposal(
            value,
            digest(value, self.plan.liv_space),
            self.plan.seed,
            self.plan.levels[0],
            (),
            Variation.SAMPLE,
            None,
            genes=20,
            repaired=2,
            costs=costs_of(self.plan)(value, self.plan.liv_space),
        )
        return self.archive.propose(self.claim, replace(known, **facts), {}).number

    def end(
        self,
        number: int,
        quality: float,
        *,
        feasible: bool = True,
        execution: Execution | None = None,
        **more: float,
    ) -> None:
        """Record the metrics of a candidate's training under way: quality and more as given, costs as predicted."""
        begun = self._under_way(number)
        metrics = {
            **costs_of(self.plan)(Genome.parse(begun.genome), self.plan.liv_space),
            "bits_per_byte": quality,
            "bits_per_byte_stderr": 0.02,
            "decode_ms": 0.4 + quality / 10,
            "train_seconds": 2.0,
            **more,
        }
        summary, standing = None, self.frontier.standing()
        if begun.purpose != Purpose.FINISH:
            summary = replace(self.observations.add(number, begun.tokens, metrics), feasible=feasible)
            if feasible and begun.tokens == self.plan.budget.tokens:
                standing = self.frontier.add(number, objectives(summary.metrics, self.plan))
        curve = falling(self.plan.budget.steps_of(begun.tokens), quality)
        self._record(begun, summary, standing, metrics=metrics, curve=curve, seconds=2.0, execution=execution)

    def fail(self, number: int, failure: Failure, detail: str) -> None:
        standing = self.frontier.standing()
        self._record(self._under_way(number), None, standing, failure=failure, detail=detail, seconds=1.0)

    def add(self, genome: str, quality: float, **facts: Any) -> int:
        """Propose and record at once."""
        number = self.begin(genome, **facts)
        self.end(number, quality)
        return number

    def again(
        self, number: int, quality: float, purpose: Purpose, seed: int = 0, execution: Execution | None = None
    ) -> None:
        """Train a candidate on the whole budget, and record it."""
        tokens = self.plan.budget.tokens
        self.archive.begin(self.claim, Further(number, self.plan.seed + seed, tokens, purpose, tokens), {})
        self.end(number, quality, execution=execution)

    def _record(self, begun: InFlight, summary: Summary | None, standing: Standing, **found: Any) -> None:
        evaluation = Evaluation(begun.number, begun.attempt, seed=begun.seed, tokens=begun.tokens, **found)
        released = self.archive.record(self.claim, evaluation, summary=summary, standing=standing, state={})
        assert released is not None

    def _under_way(self, number: int) -> InFlight:
        return next(one for one in self.archive.in_flight(self.id) if one.number == number)

    def _own_claim(self) -> Claim:
        while claim := self.archive.claim("hand", 600):
            if claim.job_id == self.id:
                return claim
        raise AssertionError("the job was not there to claim")
