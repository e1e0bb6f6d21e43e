"""Runs jobs: claims them one at a time, keeps the evaluator busy, records what comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import OperationalError

from evaluator.evaluation import Evaluator
from search.archive import Archive
from search.archive.values import TERMINAL, Claim, JobState, LeaseLostError
from search.heartbeat import Pulse
from search.job_run import Course, Reference

log = logging.getLogger(__name__)


class Runner:
    """Works through the jobs of an archive. Any number of runners may share one.

    A pause lets what is in flight finish. A cancel, a lost lease and a stop abandon it, and the next
    runner of the job begins it again.

    Args:
        archive: where jobs come from and outcomes go.
        evaluators: makes an evaluator; called again after one was closed to abandon its work.
        artifacts: the directory for trained weights.
        reference: the hypervolume reference of a plan; asked once a job.
        name: who holds the job, for people to read.
        lease_seconds: how long without a heartbeat before another runner may take over.
        beat: seconds between heartbeats, and the longest wait for an evaluation.
    """

    def __init__(
        self,
        archive: Archive,
        evaluators: Callable[[], Evaluator],
        artifacts: Path,
        reference: Reference,
        name: str,
        *,
        lease_seconds: float = 15.0,
        beat: float = 1.0,
    ) -> None:
        self._archive = archive
        self._evaluators = evaluators
        self._evaluator: Evaluator | None = None
        self._artifacts = artifacts
        self._reference = reference
        self._name = name
        self._lease_seconds = lease_seconds
        self._beat = beat

    def run_forever(self, stop: threading.Event) -> None:
        """Run whatever job comes up until `stop` is set; then hand back the one under way."""
        try:
            while not stop.is_set():
                try:
                    claim = self._archive.claim(self._name, self._lease_seconds)
                except OperationalError:
                    log.exception("the database does not answer; trying again")
                    claim = None
                if claim is None:
                    stop.wait(self._beat)
                else:
                    self.run_job(claim, stop)
        finally:
            self._abandon()

    def run_until_idle(self) -> int:
        """Run jobs until there is none to claim; gives how many were taken up."""
        taken = 0
        try:
            while claim := self._archive.claim(self._name, self._lease_seconds):
                self.run_job(claim)
                taken += 1
        finally:
            self._abandon()
        return taken

    def run_job(self, claim: Claim, stop: threading.Event | None = None) -> None:
        """Run one claimed job until it ends, is paused, is lost or `stop` is set. Raises nothing expected."""
        try:
            self._follow(claim, stop or threading.Event())
        except LeaseLostError as lost:
            log.warning("%s lets go of job %s: %s", self._name, claim.job_id, lost)
            self._abandon()
        except OperationalError:
            # Not the job's fault: its lease runs out and whoever reaches the database goes on with it.
            log.exception("%s lost the database during job %s", self._name, claim.job_id)
            self._abandon()
        except Exception as error:
            log.exception("job %s failed", claim.job_id)
            self._abandon()
            self._fail(claim, error)

    def _follow(self, claim: Claim, stop: threading.Event) -> None:
        with Pulse(self._archive, claim, self._beat) as pulse:
            course = Course.opened(self._archive, claim, self._artifacts, self._reference)
            if self._evaluator is None:
                self._evaluator = self._evaluators()
            while not stop.is_set():
                state = pulse.state
                if state in TERMINAL:
                    self._abandon()
                    return
                if state is JobState.RUNNING:
                    course.fill(self._evaluator)
                if course.in_flight:
                    for evaluation in self._evaluator.collect(self._beat):
                        course.conclude(evaluation)
                elif self._ended(claim, course, state):
                    return
                else:
                    pulse.refresh()
            self._abandon()
            self._archive.hand_back(claim)

    def _ended(self, claim: Claim, course: Course, state: JobState) -> bool:
        """With nothing in flight: let a paused job go, or finish one that has nothing left to try."""
        if state is JobState.PAUSED:
            return self._archive.release(claim)
        why = "the search found no further genome in its space" if course.exhausted else ""
        self._archive.finish(claim, JobState.SUCCEEDED, why)
        course.sweep()
        return True

    def _abandon(self) -> None:
        """Give up what is in flight; the next job gets an evaluator of its own."""
        evaluator, self._evaluator = self._evaluator, None
        if evaluator is not None:
            evaluator.close()

    def _fail(self, claim: Claim, error: Exception) -> None:
        try:
            self._archive.finish(claim, JobState.FAILED, f"{type(error).__name__}: {error}")
        except (LeaseLostError, OperationalError) as lost:
            log.warning("the failure of job %s could not be recorded: %s", claim.job_id, lost)
