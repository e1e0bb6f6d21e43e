"""A training taken to its end, with its progress saved now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from evaluator.artifacts import Artifact
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.budget import Budget
from evaluator.execution import Follower
from evaluator.optimizers.sweep import begin_at_best_rate
from evaluator.parallel.ranks import ALONE, Ranks
from evaluator.schedule import stable_steps
from evaluator.train import Training

CHECKPOINT_SECONDS = 60.0
"""Seconds of training between two writes of the progress, from which the next attempt goes on if this process dies."""

FOLLOWED_SECONDS = 0.2
"""Seconds of training between two looks of a follower."""


@dataclass
class Run:
    """A training towards step `end`, from where an earlier attempt or a shorter training has got."""

    training: Training
    files: TrainingFiles
    budget: Budget
    end: int
    deadline: float
    between: Callable[[], None]
    follow: Follower | None
    ranks: Ranks = ALONE
    checkpoint: Artifact | None = None
    """The checkpoint before the cool-down, of a training that is shorter than the budget."""

    def to_the_end(self) -> None:
        """Train to the end. Raises KeyboardInterrupt when the follower stopped it, and its progress is saved."""
        self.checkpoint = self.files.resume(self.training, self.end)
        if self.training.step == 0 and self.budget.rates:
            begin_at_best_rate(self.training, self.budget, self.end, self.deadline, self.between)
        self._to(stable_steps(self.end, self.budget))
        if self.checkpoint is None and self.end < self.budget.steps:
            self.checkpoint = self.files.save_checkpoint(self.training)
        self._to(self.end)

    def _to(self, until: int) -> None:
        """Train to step `until`, and save the progress now and then.

        Raises:
            KeyboardInterrupt: the follower stopped the training, whose progress is saved.
        """
        seconds = CHECKPOINT_SECONDS if self.follow is None else self.follow.checkpoint_seconds
        pause = seconds if self.follow is None else min(seconds, FOLLOWED_SECONDS)
        saved = time.monotonic()
        while self.training.step < until:
            self.training.run(until, self.end, self.deadline, time.monotonic() + pause, self.between)
            stopped = self.follow is not None and self.follow(self.training, self.end)
            due = self.training.step < until and time.monotonic() - saved >= seconds
            stopped, due = self.ranks.any(stopped, due)
            if stopped or due:
                self.files.save_progress(self.training, self.checkpoint)
                saved = time.monotonic()
            if stopped:
                raise KeyboardInterrupt
