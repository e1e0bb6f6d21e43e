"""Trainings whose attempts were lost: which of them begin again, and which count as outcomes."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from evaluator.evaluation import Evaluation, Failure
from search.archive.runner_values import InFlight, TrainingKey

log = logging.getLogger(__name__)


class Loss(StrEnum):
    """How an attempt at a training was lost.

    `KILLED`: its worker process died, and no other one did since it began. `TOGETHER`: others died as well, which
    speaks for a cause outside of it. `NODE`: the machine of its worker was lost. `DEVICE`: the accelerator reported an
    error. `RUNNER`: the runner died.
    """

    KILLED = "killed"
    TOGETHER = "killed together"
    NODE = "node lost"
    DEVICE = "device"
    RUNNER = "runner died"


ATTEMPTS = {Loss.KILLED: 3, Loss.TOGETHER: 10, Loss.NODE: 10, Loss.DEVICE: 2, Loss.RUNNER: 10}
"""Attempts that a training may lose in each way; the last of them is its outcome.

Memory is no such loss: a candidate that ran out of it would do so again.
"""

LOSSES = {Failure.KILLED: Loss.KILLED, Failure.NODE_LOST: Loss.NODE, Failure.DEVICE: Loss.DEVICE}
"""The losses that an evaluator reports as a failure."""


class Retries:
    """The trainings of one job that wait for a further attempt.

    Args:
        left: the trainings that the last runner left under way.
    """

    def __init__(self, left: Iterable[InFlight]) -> None:
        self._waiting = deque((one, None if one.claim is None else Loss.RUNNER) for one in left)
        self._killed = 0
        self._killed_before: dict[TrainingKey, int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def waiting(self) -> list[InFlight]:
        """The trainings that wait, the next one first."""
        return [begun for begun, _ in self._waiting]

    def next(self) -> tuple[InFlight, Loss | None]:
        """Remove the next training, and return it with the way in which its last attempt was lost.

        Raises:
            IndexError: none waits.
        """
        return self._waiting.popleft()

    def begin(self, begun: InFlight) -> None:
        """Learn that an attempt at a training begins."""
        self._killed_before[begun.key] = self._killed

    def count(self, evaluations: Iterable[Evaluation]) -> None:
        """Learn of evaluations that came at the same time, before they are looked at one by one."""
        self._killed += sum(one.failure is Failure.KILLED for one in evaluations)

    def take(self, begun: InFlight, evaluation: Evaluation) -> bool:
        """Let a training wait for a further attempt if its evaluation reports a loss and it may lose one more."""
        loss = LOSSES.get(evaluation.failure) if evaluation.failure else None
        if loss is Loss.KILLED and self._killed - self._killed_before.get(begun.key, 0) > 1:
            loss = Loss.TOGETHER
        if loss is None or used_up(begun, loss):
            return False
        log.warning("attempt %d at a training was lost (%s) and is begun again", begun.attempt, loss)
        self._waiting.append((begun, loss))
        return True


def used_up(begun: InFlight, loss: Loss) -> bool:
    """Return whether a further loss of this kind is the outcome of the training."""
    return begun.losses.get(loss, 0) + 1 >= ATTEMPTS[loss]


def told(begun: InFlight, evaluation: Evaluation) -> Evaluation:
    """Return an evaluation whose detail names the attempts that were lost before it, if it failed."""
    if evaluation.failure is None or not begun.losses:
        return evaluation
    lost = ", ".join(f"{count} ({loss})" for loss, count in sorted(begun.losses.items()))
    return replace(evaluation, detail=f"{evaluation.detail}; attempts lost before: {lost}")


def given_up(begun: InFlight) -> Evaluation:
    """Return the outcome of a training that outlived too many of its runners."""
    detail = f"begun {begun.attempt} times, and every runner died before it had an outcome"
    lost = Evaluation(begun.number, begun.attempt, failure=Failure.KILLED, detail=detail)
    return replace(lost, seed=begun.seed, tokens=begun.tokens)
