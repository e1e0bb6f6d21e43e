"""A search by ask and tell: every `ask` returns one training to begin, and every `tell` reports one outcome.

Asks and tells may come in any order, so no worker waits for another. Promotions that are due come first, then repeats
of uncertain members of the frontier, then new genomes: the initial design, and what an algorithm chooses. A genome is
proposed only if it is new and its exact costs keep the plan's limits, so nothing is trained for costs that were known
before. Every random number follows from one generator: a search resumes exactly from its state and its past.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from numpy.random import PCG64, Generator

from genome import Genome, Space, digest
from search.algorithms import ALGORITHMS
from search.algorithms.algorithm import Choice, Costs, CostsOf, Outcome, Past, Trial
from search.evolution.genome_operators import Draft
from search.evolution.initial_design import initial_design, rest_of_design
from search.evolution.promotion import Promotions, spent
from search.evolution.proposal import Further, Proposal
from search.evolution.repetition import Repeats
from search.evolution.stopping import Stopping
from search.objectives import violation
from search.origin import EXTRA, Purpose, Reason, Variation
from search.plan import Plan

KNOWN_IN_A_ROW = 500
"""Genomes tried that are known already, after which the space counts as exhausted."""

OVER_LIMITS = 5_000
"""Genomes tried whose costs exceed a limit, after which the space counts as exhausted."""

OUT_OF_GENOMES = "the search found no further genome in its space that keeps its limits"


class Evolution:
    """A search over genomes.

    Args:
        plan: the plan of the search.
        rng: a generator over PCG64.
        costs: returns the static metrics of a genome in a space.
        space: the job's stored space; by default the space of the plan.
        past: what happened before, if the search is restored.

    Attributes:
        space: the space of the search; it grows with each proposal that has a new class.
        proposed: number of candidates of the plan proposed so far.
        exhausted: whether the last `ask` found no genome that is new and within the limits.
    """

    def __init__(
        self, plan: Plan, rng: Generator, costs: CostsOf, space: Space | None = None, past: Past | None = None
    ) -> None:
        self.space = past.space if past else space or plan.liv_space
        self.proposed = past.proposed if past else 0
        self.exhausted = False
        self._plan = plan
        self._rng = rng
        self._costs = costs
        self._seen = {one.digest for one in past.begun} if past else set()
        self._extras = {one.number for one in past.begun if one.extra} if past else set()
        self._earlier = past.earlier if past else 0
        self._design = [] if past else initial_design(plan, rng)
        self._algorithm = ALGORITHMS[plan.algorithm](plan, rng, costs)
        self._promotions, self._repeats, self._stopping = Promotions(plan), Repeats(plan), Stopping(plan)

    def ask(self, seconds: float = 0.0) -> Proposal | Further | None:
        """Return the next training of a search of this age; None when it must wait for an outcome or none is left."""
        further = self._promotions.due(self._algorithm.promise) or self._repeats.due()
        if further is not None:
            self._begin(further.number, further.tokens, further.purpose)
            if further.purpose == Purpose.PROMOTION:
                self._algorithm.train(further.number, further.tokens)
            return further
        if self.exhausted or self.proposed >= self._plan.candidates or self._stopping.stops(seconds):
            return None
        if not self._design and self._algorithm.waits(self.proposed):
            return None
        return self._new()

    def inject(self, genome: Genome, by: str = "") -> Proposal:
        """Return the proposal of a genome from outside, which is legal, new and within the limits.

        It is an extra candidate: it takes no other one's place, nor its random numbers.
        """
        trial = Trial(Draft(genome), self.space, Variation.INJECTED, Choice(Reason.INJECTED, by=by or None))
        return self._begun(trial, digest(genome, self.space), self._costs(genome, self.space), 0, 0)

    def train_again(self, further: Further) -> None:
        """Learn that somebody asked for another attempt at a failed candidate, which begins now."""
        self._begin(further.number, further.tokens, further.purpose)

    def take_over(self, past: Past) -> None:
        """Learn from an earlier search, before anything is asked. Its candidates are extra ones."""
        for one in past.begun:
            self._seen.add(one.digest)
            self._extras.add(one.number)
            self._earlier += 1
            trial = Trial(Draft(one.genome), self.space, Variation.WARM_START, Choice(Reason.WARM_START))
            self._algorithm.begin(one.number, trial, one.costs)
        for outcome in past.outcomes:
            self.tell(outcome)

    def _new(self) -> Proposal | None:
        genes = repaired = known = over = 0
        for trial in chain(self._initial(), self._algorithm.trials(self.space, self.proposed + self._earlier)):
            genes += trial.draft.genes
            repaired += trial.draft.repaired
            key = digest(trial.draft.genome, trial.space)
            if key in self._seen:
                known += 1
            else:
                costs = self._costs(trial.draft.genome, trial.space)
                if trial.baseline or violation(costs, self._plan) == 0:
                    return self._begun(trial, key, costs, genes, repaired)
                over += 1
            if known >= KNOWN_IN_A_ROW or over >= OVER_LIMITS:
                break
        self.exhausted = True
        return None

    @property
    def why(self) -> str:
        """The reason why fewer candidates were proposed than the plan asks for; empty while more may follow."""
        return OUT_OF_GENOMES if self.exhausted else self._stopping.why

    def prepare(self) -> None:
        """Do work for the next `ask` while no worker waits for a genome."""
        if not self._design and self.proposed < self._plan.candidates:
            self._algorithm.prepare(self.space, self.proposed + self._earlier)

    def tell(self, outcome: Outcome) -> None:
        """Report the outcome of a training."""
        self._learn(outcome)
        self._algorithm.tell(replace(outcome, extra=outcome.retried or outcome.number in self._extras))

    def state(self) -> dict[str, Any]:
        """Return the state as JSON, except for the past, which the archive holds."""
        return {
            "algorithm": self._plan.algorithm,
            "rng": dict(self._rng.bit_generator.state),
            "design": [one.to_json() for one in self._design],
            "stopping": self._stopping.state(),
            **self._algorithm.state(),
        }

    @classmethod
    def restore(cls, plan: Plan, state: dict[str, Any], past: Past, costs: CostsOf) -> Evolution:
        """Return the evolution that had this state and past. It makes the same proposals from there on."""
        bits = PCG64()
        bits.state = state["rng"]
        evolution = cls(plan, Generator(bits), costs, past=past)
        evolution._design = rest_of_design(state)
        evolution._stopping.restore(state.get("stopping", evolution._stopping.state()))
        for number, tokens, purpose in past.trainings:
            if purpose != Purpose.WARM_START:
                evolution._begin(number, tokens, purpose)
        for outcome in past.outcomes:
            evolution._learn(outcome)
        evolution._algorithm.restore(state, past)
        return evolution

    def _begin(self, number: int, tokens: int, purpose: str) -> None:
        self._stopping.begin(spent(self._plan, tokens, purpose))
        if purpose == Purpose.REPEAT:
            self._repeats.begin(number)
        elif purpose != Purpose.RETRY:
            self._promotions.begin(number, tokens)

    def _learn(self, outcome: Outcome) -> None:
        if outcome.tokens is None:
            self._repeats.tell(outcome)
        if outcome.earlier:
            return
        self._stopping.tell(failed=outcome.objectives is None)
        if not outcome.repeated:
            self._promotions.tell(outcome)

    def _initial(self) -> Iterator[Trial]:
        while self._design:
            one = self._design.pop(0)
            yield Trial(Draft(one.genome), self.space, one.variation, Choice(one.reason), baseline=one.baseline)

    def _begun(self, trial: Trial, key: str, costs: Costs, genes: int, repaired: int) -> Proposal:
        grown = None
        if trial.space is not self.space:  # what was invented on the way and is in no genome is dropped
            grown = self.space = trial.space.only(trial.draft.genome, first=len(self.space.classes))
        self._seen.add(key)
        number = self.proposed + len(self._extras) + 1
        if trial.variation in EXTRA:
            self._extras.add(number)
        else:
            self.proposed += 1
        self._stopping.expect(trial.choice.share)
        self._algorithm.begin(number, trial, costs)
        tokens = self._plan.budget.tokens if trial.baseline else self._plan.levels[0]
        self._begin(number, tokens, Purpose.SEARCH)
        self._algorithm.train(number, tokens)
        return Proposal(
            genome=trial.draft.genome,
            digest=key,
            seed=self._plan.training_seed(0),
            tokens=tokens,
            parents=trial.parents,
            variation=trial.variation,
            baseline=trial.baseline,
            genes=genes,
            repaired=repaired,
            space=grown,
            costs=costs,
            trials=self._plan.budget.trial_tokens,
            choice=trial.choice,
        )
