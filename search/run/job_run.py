"""The run of one claimed job: its evolution, its frontier and its trainings in flight, in a runner's memory.

Every change is written to the archive before anything depends on it. A runner may therefore die between any two
lines, and another one continues from the archive.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence

from evaluator.artifacts import Artifact, Artifacts
from evaluator.evaluation import Evaluation, Evaluator, Failure
from genome import Genome
from search.archive import Archive
from search.archive.errors import LeaseLostError
from search.archive.runner_values import Claim, InFlight, TrainingKey, Waiting
from search.evolution.evolve import Evolution
from search.evolution.promotion import spent
from search.evolution.proposal import Further, Proposal
from search.log_fields import about
from search.objectives import Frontier, judged, objectives
from search.observations import Observations, Summary, outcome
from search.origin import Purpose
from search.run.faults import EnvironmentFault, evaluator_needed
from search.run.finish import finishing
from search.run.inheriting import inherited, needed
from search.run.patience import Patience
from search.run.request import request_of
from search.run.resumption import Resumption
from search.run.retries import Loss, Retries, given_up, told, used_up
from search.run.sweeping import delete, sweep
from search.tracking import Reporting
from search.tracking.searches import report_outcome

log = logging.getLogger(__name__)


class JobRun:
    """A claimed job under way. It waits with `patience` for a database that is away.

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
        patience: Patience,
        reporting: Reporting,
    ) -> None:
        self._archive = archive
        self._patience = patience
        self._reporting = reporting
        self._outcomes = len(resumption.past.outcomes)
        self._claim = claim
        self._evolution = evolution
        self._frontier = frontier
        self._observations: Observations = resumption.observations
        self._checkpoints: dict[int, Artifact] = resumption.checkpoints
        self._finished: set[tuple[int, int]] = resumption.finish_begun
        self._baselines: list[int] = resumption.baselines
        self._store = Artifacts(artifacts)
        self._url = artifacts
        self._retries = Retries(archive.in_flight(claim.job_id))
        self._began = time.monotonic() - claim.age
        self._waiting: deque[Waiting] = deque()
        self._again: deque[tuple[int, int]] = deque()
        self.plan = resumption.plan
        self.in_flight: dict[TrainingKey, InFlight] = {}

    def fill(self, evaluator: Evaluator) -> None:
        """Submit requests until the evaluator is full.

        First come trainings whose last attempt was lost, then what somebody asked for, then the search's own.
        """
        if evaluator.busy < evaluator.capacity:
            self._again = deque(self._patience(self._archive.asked_again, self._claim.job_id))
            self._waiting = deque(self._patience(self._archive.waiting, self._claim.job_id))
        while evaluator.busy < evaluator.capacity:
            begun = self._retried() or self._asked_for() or self._next() or self._next_of_finish()
            if begun is None:
                return
            self.in_flight[begun.key] = begun
            self._retries.begin(begun)
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

    def conclude(self, evaluations: Sequence[Evaluation]) -> None:
        """Report outcomes that came at the same time to the evolution and record them.

        The outcome of an earlier attempt is ignored, and a training whose worker was lost begins again.

        Raises:
            EnvironmentFault: a worker could not write to or read from the store of artifacts.
            LeaseLostError: the archive has a later attempt at a training, or the claim no longer holds.
        """
        self._retries.count(evaluations)
        for evaluation in evaluations:
            begun = self.in_flight.get(TrainingKey(evaluation.candidate, evaluation.seed, evaluation.tokens))
            if begun is None or begun.attempt != evaluation.attempt:
                continue
            if evaluation.failure is Failure.STORAGE:
                raise EnvironmentFault(f"a worker cannot use the store of artifacts: {evaluation.detail}")
            with about(candidate=begun.number):
                if self._retries.take(begun, evaluation):
                    del self.in_flight[begun.key]
                else:
                    self._record(begun, told(begun, evaluation))

    def _record(self, begun: InFlight, evaluation: Evaluation) -> None:
        evaluation = judged(evaluation, self.plan)
        standing, summary = self._frontier.standing(), None
        if evaluation.failure is not None:
            log.info("a training failed: %s: %s", evaluation.failure, evaluation.detail)
        if begun.purpose != Purpose.FINISH:
            self._outcomes += 1
            metrics = None if evaluation.failure else evaluation.metrics
            genome = Genome.parse(begun.genome)
            self._evolution.tell(outcome(self.plan, begun.number, genome, begun.tokens, begun.purpose, metrics))
            if evaluation.failure is None:
                summary = self._observations.add(begun.number, begun.tokens, evaluation.metrics)
                if summary.tokens == self.plan.budget.tokens:
                    standing = self._frontier.add(begun.number, self._point(summary))
        released = self._patience(
            self._archive.record,
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
        self.in_flight.pop(begun.key, None)
        going_on = (*self.in_flight.values(), *self._retries.waiting)
        delete(self._store, set(released) - needed(going_on))
        report_outcome(self._reporting, begun, evaluation, self._frontier.standing(), self._outcomes)

    def sweep(self) -> None:
        """Delete the artifacts of the job that no row refers to, left by dead runners and their workers."""
        kept = self._patience(self._archive.artifacts, self._claim.job_id)
        sweep(self._store, self._claim.job_id, kept, self._retries.waiting)

    def _point(self, summary: Summary) -> list[float] | None:
        return objectives(summary.metrics, self.plan) if summary.feasible else None

    def _retried(self) -> InFlight | None:
        while self._retries:
            begun, loss = self._retries.next()
            if loss is not Loss.RUNNER or not used_up(begun, loss):
                return self._patience(self._archive.retry, self._claim, begun, loss)
            self._record(begun, given_up(begun))
        return None

    def _asked_for(self) -> InFlight | None:
        if self._again:
            number, times = self._again.popleft()
            tokens = self.plan.budget.tokens
            reads = spent(self.plan, tokens, Purpose.RETRY)
            further = Further(number, self.plan.training_seed(1 + times), tokens, Purpose.RETRY, reads)
            self._evolution.train_again(further)
            return self._patience(self._archive.begin, self._claim, further, self._evolution.state())
        if not self._waiting:
            return None
        one = self._waiting.popleft()
        proposal = self._evolution.inject(Genome.parse(one.genome), one.by)
        return self._patience(self._archive.propose, self._claim, proposal, self._evolution.state())

    def _next(self) -> InFlight | None:
        asked = self._evolution.ask(time.monotonic() - self._began)
        if asked is None:
            return None
        if isinstance(asked, Proposal):
            given = self._patience(inherited, self._archive, self._claim.job_id, self.plan, asked)
            begun = self._patience(self._archive.propose, self._claim, asked, self._evolution.state(), given)
            if asked.baseline:
                self._baselines.append(begun.number)
            return begun
        return self._patience(self._archive.begin, self._claim, asked, self._evolution.state())

    def _next_of_finish(self) -> InFlight | None:
        """Begin the next training of the honest finish, once the search itself has nothing left."""
        if any(one.purpose != Purpose.FINISH for one in self.in_flight.values()):
            return None
        for further in finishing(self.plan, self._frontier, self._baselines):
            if (further.number, further.seed) not in self._finished:
                self._finished.add((further.number, further.seed))
                return self._patience(self._archive.begin, self._claim, further, self._evolution.state())
        return None
