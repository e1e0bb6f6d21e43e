"""The training loop, which may be continued.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from evaluator.artifacts.state import State
from evaluator.budget import Budget
from evaluator.failure import DivergenceError, TimeLimitError
from evaluator.gradients import add_gradients, device_of
from evaluator.optimizers.groups import optimizer_of
from evaluator.parallel.ranks import ALONE, Ranks
from evaluator.schedule import learning_rate, stable_steps
from evaluator.tasks.loaded import Examples, LoadedTask

log = logging.getLogger(__name__)

CURVE_POINTS = 100
LOSS_BOUND = 10.0
"""Divergence bound of the loss as a multiple of ln V, the loss of a uniform prediction."""

UNREAD_STEPS = {"cuda": 1}
"""Steps whose losses are not read yet, by device. Reading one waits for the device, which then waits for the next."""

Curve = tuple[tuple[int, float], ...]


class _Taken(NamedTuple):
    """A step whose loss and gradient norm are not read yet, and the number of logits behind the loss."""

    step: int
    loss: Tensor
    norm: Tensor
    vocab: float


class Training:
    """A training under way, which may be taken further, on batches that one generator draws.

    Args:
        rng: generator that draws the batches; the same state gives the same batches.
        ranks: the processes that train together. Each draws whole batches and computes its share of them.

    Attributes:
        model: trained in place.
        step: number of steps taken.
        seconds: wall time of all steps.
        rate: highest learning rate; that of the budget, unless another one is set.
        losses: the loss in nats of each step of the last `run`.
        curve: at most `CURVE_POINTS` pairs of a step and the mean loss in nats over the steps since the previous pair.
        parts: number of parts in which a batch is computed; it grows where memory is full.
    """

    def __init__(
        self, model: nn.Module, task: LoadedTask, budget: Budget, rng: np.random.Generator, ranks: Ranks = ALONE
    ) -> None:
        self.step = 0
        self.seconds = 0.0
        self.curve: list[tuple[int, float]] = []
        self.losses: list[float] = []
        self.rate = budget.learning_rate
        self.model = model
        self._task, self._budget, self._rng = task, budget, rng
        ranks.require_share(budget.batch)
        self._ranks, self._computing = ranks, ranks.trained(model)
        self._optimizer = optimizer_of(model, budget)
        self._recent: list[float] = []
        self._unread: list[_Taken] = []
        self.parts = 1
        self._end = budget.steps

    def branched(self) -> Training:
        """Return a copy that can be cooled down and measured while this training goes on; the task is not copied."""
        branch = Training(copy.deepcopy(self.model), self._task, self._budget, copy.deepcopy(self._rng))
        branch.restore(self.state(), self._end)
        return branch

    def state(self) -> State:
        """Return the state from which `restore` goes on exactly. The next step changes its tensors."""
        facts = {
            "step": self.step,
            "end": self._end,
            "seconds": self.seconds,
            "curve": self.curve,
            "recent": self._recent,
            "parts": self.parts,
            "rate": self.rate,
            "generator": self._rng.bit_generator.state,
        }
        return State.of(self.model, self._optimizer, facts)

    def restore(self, state: State, end: int) -> None:
        """Go on from a state towards step `end`, exactly as the training that had this state.

        Raises:
            ValueError: the state is that of another model, or of a cool-down towards another step; nothing changes.
        """
        facts = state.facts
        shared = min(stable_steps(length, self._budget) for length in (end, facts["end"]))
        if facts["end"] != end and state.step > shared:
            raise ValueError(f"step {state.step} of a run of {facts['end']} steps is no part of a run of {end} steps")
        state.copy_to(self.model, self._optimizer)
        self._rng.bit_generator.state = facts["generator"]
        self.step, self.seconds, self._end = state.step, float(facts["seconds"]), end
        self.curve = [(int(step), float(loss)) for step, loss in facts["curve"]]
        self._recent = [float(loss) for loss in facts["recent"]]
        self._unread = []
        self.parts = int(facts.get("parts", 1)) if self._ranks.alone else 1  # a state of before has none
        self.rate = float(facts.get("rate", self._budget.learning_rate))  # nor this

    def run(
        self,
        until: int,
        end: int,
        deadline: float,
        pause: float = math.inf,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        """Train up to step `until` of a run that ends at step `end`.

        Args:
            deadline: time on the clock of `time.monotonic` after which training stops.
            pause: time on the same clock after which the method returns early, having taken at least one step.
            between: called before each step; its time is not counted in `seconds`.

        Raises:
            DivergenceError: loss or gradient norm is not finite, or the loss is above `LOSS_BOUND` ln V.
            TimeLimitError: the deadline passed.
        """
        self.model.train()
        self._end, self.losses = end, []
        (late,) = self._ranks.any(time.monotonic() > deadline)
        while self.step < until:
            if late:
                raise TimeLimitError(f"{self._budget.seconds:g} s were over after {self.step} of {end} training steps")
            between()
            began = time.monotonic()
            self._take(learning_rate(self.step + 1, end, self._budget, self.rate))
            self.step += 1
            now = time.monotonic()
            self.seconds += now - began
            late, paused = self._ranks.any(now > deadline, now > pause)
            if paused:
                break
        self._read(0)

    def _read(self, unread: int) -> None:
        """Read the losses and gradient norms of all steps but the last so many, and extend the curve by them.

        Raises:
            DivergenceError: one is not finite, or a loss is above its bound.
        """
        interval = math.ceil(self._budget.steps / CURVE_POINTS)
        while len(self._unread) > unread:
            step, loss, norm, vocab = self._unread.pop(0)
            self._recent.append(loss.item())
            self.losses.append(self._recent[-1])
            _require_sane(step, self._recent[-1], norm.item(), LOSS_BOUND * math.log(vocab))
            if step % interval == 0 or step == self._end:
                self.curve.append((step, fmean(self._recent)))
                self._recent.clear()

    def _take(self, rate: float) -> None:
        """Take one step at a learning rate. Its loss is kept without the balancing term."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        loss, vocab = self._with_gradients(self._task.draw(self._rng))
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self._budget.clip)
        self._unread.append(_Taken(self.step + 1, loss, norm, vocab))
        self._read(UNREAD_STEPS.get(device_of(self.model).type, 0))
        self._optimizer.step()

    def _with_gradients(self, batch: Examples) -> tuple[Tensor, float]:
        """Compute the loss of a batch and its gradients, in twice as many parts whenever memory is full."""
        while True:
            self._optimizer.zero_grad()
            try:
                return add_gradients(self._computing, batch, self.parts, self._ranks)
            except torch.OutOfMemoryError:
                if self.parts >= len(batch.tokens) or not self._ranks.alone:  # others wait for these gradients
                    raise
            # Not in the handler, where the error's traceback still holds the tensors.
            self.parts = min(2 * self.parts, len(batch.tokens))
            torch.cuda.empty_cache()
            log.info("the device's memory is full: a batch is computed in %d parts", self.parts)


def train(model: nn.Module, task: LoadedTask, budget: Budget, rng: np.random.Generator, deadline: float) -> Curve:
    """Train `model` in place for the whole budget and return its curve; see `Training` for arguments and errors."""
    training = Training(model, task, budget, rng)
    training.run(budget.steps, budget.steps, deadline)
    return tuple(training.curve)


def _require_sane(step: int, loss: float, norm: float, bound: float) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise DivergenceError(f"at step {step} the loss is {loss} and the gradient norm {norm}")
    if loss > bound:
        raise DivergenceError(f"at step {step} the loss is {loss:.1f}, above {bound:.1f}")
