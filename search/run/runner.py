"""The runner: it claims jobs one at a time, in turns, keeps the evaluator busy and records the outcomes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from evaluator.evaluation import Evaluator
from search.archive import Archive
from search.archive.errors import LeaseLostError
from search.archive.runner_values import Claim
from search.archive.schema.engine import UNAVAILABLE
from search.archive.values import TERMINAL, JobState
from search.log_fields import about
from search.run.faults import ERRORS, PAUSES, Kind, Pauses, evaluator_needed, kind_of, why_of
from search.run.job_run import JobRun
from search.run.leases import Heartbeat, Vigil
from search.run.opening import CostsUnder, Reference, opened
from search.run.patience import Patience
from search.run.turn import TURN_SECONDS, Turn
from search.tracking import Reporting
from search.tracking.searches import end_search

log = logging.getLogger(__name__)


class Runner:
    """Runs the jobs of an archive. Any number of runners may share one archive.

    On a pause and at the end of a turn the candidates in flight finish. On a cancel, a lost lease and a stop they are
    abandoned; the next runner of the job begins them again.

    Args:
        archive: the archive of the jobs and of their outcomes.
        evaluators: creates an evaluator; called again after the last one was closed to abandon its work.
        artifacts: the URL of the store for weights and checkpoints, such as a directory.
        reference: computes the hypervolume reference of a plan; called once a job.
        costs: returns a function from a genome to its static metrics under a plan.
        name: the name of the holder of a job, for people to read.
        lease_seconds: time after the last heartbeat at which another runner may claim the job.
        beat: seconds between heartbeats, and the longest wait for an evaluation.
        pauses: the time for which a job is put off.
        turn_seconds: time after which a job of priority 0 lets others have their turn, if any wait.
        reporting: passes reports on to trackers; without it nothing is reported.
    """

    def __init__(
        self,
        archive: Archive,
        evaluators: Callable[[], Evaluator],
        artifacts: str,
        reference: Reference,
        costs: CostsUnder,
        name: str,
        *,
        lease_seconds: float = 15.0,
        beat: float = 1.0,
        pauses: Pauses = PAUSES,
        turn_seconds: float = TURN_SECONDS,
        reporting: Reporting | None = None,
    ) -> None:
        self._archive = archive
        self._evaluators = evaluators
        self._evaluator: Evaluator | None = None
        self._artifacts = artifacts
        self._reference = reference
        self._costs = costs
        self._name = name
        self._lease_seconds = lease_seconds
        self._beat = beat
        self._pauses = pauses
        self._turn_seconds = turn_seconds
        self._reporting = reporting or Reporting()

    def run_forever(self, stop: threading.Event) -> None:
        """Run jobs as they are queued until `stop` is set; then hand back the job under way."""
        patience, vigil = Patience(stop, self._beat), Vigil(self._archive, self._lease_seconds)
        try:
            while not stop.is_set():
                try:
                    patience(vigil.look)
                    claim = patience(self._archive.claim, self._name, self._lease_seconds)
                except UNAVAILABLE:  # and somebody ended the wait
                    return
                if claim is None:
                    stop.wait(self._beat)
                else:
                    self.run_job(claim, stop)
        finally:
            self._abandon()

    def run_until_idle(self) -> int:
        """Run jobs until there is none to claim, and return the number of claims."""
        claims = 0
        try:
            while claim := self._archive.claim(self._name, self._lease_seconds):
                self.run_job(claim)
                claims += 1
        finally:
            self._abandon()
        return claims

    def run_job(self, claim: Claim, stop: threading.Event | None = None) -> None:
        """Run one claimed job until it ends, is paused, is lost, is put off or `stop` is set.

        A fault of the plan fails the job, and any other fault puts it off (see `search.run.faults`); none is raised.
        """
        stop = stop or threading.Event()
        patience = Patience(stop, self._beat)
        with about(job=claim.job_id):
            log.info("the search is taken up, attempt %d", claim.attempt)
            try:
                self._follow(claim, stop, patience)
            except LeaseLostError as lost:
                log.warning("%s no longer holds job %s: %s", self._name, claim.job_id, lost)
                self._abandon()
            except Exception as error:
                self._abandon()
                self._give_up(claim, error, patience)
            finally:
                end_search(self._reporting, self._archive, claim, self._artifacts)

    def _follow(self, claim: Claim, stop: threading.Event, patience: Patience) -> None:
        with Heartbeat(self._archive, claim, self._beat) as heartbeat:
            turn = Turn(self._turn_seconds, claim.priority)
            run = opened(self._archive, claim, self._artifacts, self._reference, self._costs, patience, self._reporting)
            if self._evaluator is None:
                with evaluator_needed():
                    self._evaluator = self._evaluators()
            turn.opened()
            passes_on = False
            while not stop.is_set():
                state = heartbeat.state
                if state in TERMINAL:
                    self._abandon()
                    run.sweep()
                    return
                passes_on = passes_on or (turn.over and patience(self._archive.others_wait, claim.job_id))
                if state is JobState.RUNNING and not passes_on:
                    run.fill(self._evaluator)
                if run.in_flight:
                    run.prepare()
                    with evaluator_needed():
                        evaluations = self._evaluator.collect(self._beat)
                    run.conclude(evaluations)
                    for evaluation in evaluations:
                        turn.ended(evaluation.seconds)
                elif passes_on and state is JobState.RUNNING:
                    patience(self._archive.pass_on, claim)
                    return
                elif self._ended(claim, run, state, patience):
                    return
                else:
                    patience(heartbeat.refresh)
            self._abandon()
            patience(self._archive.hand_back, claim)

    def _ended(self, claim: Claim, run: JobRun, state: JobState, patience: Patience) -> bool:
        """Release a paused job or finish an exhausted one; called when nothing is in flight.

        Returns:
            False when the paused job was resumed meanwhile, or when a genome waits to be injected.
        """
        if state is JobState.PAUSED:
            return patience(self._archive.release, claim)
        if not patience(self._archive.finish, claim, JobState.SUCCEEDED, run.why):
            return False
        run.sweep()
        return True

    def _abandon(self) -> None:
        """Close the evaluator and with it the candidates in flight; the next job gets a new evaluator."""
        evaluator, self._evaluator = self._evaluator, None
        if evaluator is not None:
            try:
                evaluator.close()
            except Exception as error:  # what it cannot release any more is gone already
                log.warning("the evaluator could not be closed: %s", why_of(error))

    def _give_up(self, claim: Claim, error: Exception, patience: Patience) -> None:
        """Fail the job or put it off, as the kind of the fault says."""
        kind, why = kind_of(error), why_of(error)
        # A fault of the environment says all in one line; of an error of this program its place matters.
        log.warning("the run of job %s ends: %s", claim.job_id, why, exc_info=kind is Kind.ERROR)
        try:
            if kind is Kind.PLAN:
                patience(self._archive.finish, claim, JobState.FAILED, why)
            else:
                errors = ERRORS if kind is Kind.ERROR else None
                patience(self._archive.put_off, claim, why, self._pauses.after, errors)
        except (LeaseLostError, *UNAVAILABLE) as lost:
            log.warning("that could not be recorded for job %s: %s", claim.job_id, why_of(lost))
