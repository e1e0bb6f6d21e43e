"""The training loop, which may be continued.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import math
import time
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluator.artifacts.state import State
from evaluator.budget import Budget
from evaluator.failure import DivergenceError, TimeLimitError
from evaluator.schedule import learning_rate, stable_steps
from evaluator.tasks.loaded import IGNORED, LoadedTask
from star.balance import balancing
from star.weight_decay import decaying_parameters

CURVE_POINTS = 100
BALANCE = 0.01
"""Weight of the load-balancing term in the loss (Fedus et al. 2022, section 2.2). The curve leaves the term out."""

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
    vocab: int


class Training:
    """A training under way, which may be taken further: AdamW on batches that one generator draws.

    Args:
        rng: generator that draws the batches; the same state gives the same batches.

    Attributes:
        model: trained in place.
        step: number of steps taken.
        seconds: wall time of all steps.
        curve: at most `CURVE_POINTS` pairs of a step and the mean loss in nats over the steps since the previous pair.
    """

    def __init__(self, model: nn.Module, task: LoadedTask, budget: Budget, rng: np.random.Generator) -> None:
        self.step = 0
        self.seconds = 0.0
        self.curve: list[tuple[int, float]] = []
        self.model = model
        self._task, self._budget, self._rng = task, budget, rng
        self._optimizer = adamw(model, budget)
        self._recent: list[float] = []
        self._unread: list[_Taken] = []
        self._end = budget.steps

    def branched(self) -> Training:
        """Return a copy that can be cooled down and measured while this training goes on; the task is not copied."""
        return copy.deepcopy(self, {id(self._task): self._task})

    def state(self) -> State:
        """Return the state from which `restore` goes on exactly. The next step changes its tensors."""
        facts = {
            "step": self.step,
            "end": self._end,
            "seconds": self.seconds,
            "curve": self.curve,
            "recent": self._recent,
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

    def run(self, until: int, end: int, deadline: float, pause: float = math.inf) -> None:
        """Train up to step `until` of a run that ends at step `end`.

        Args:
            deadline: time on the clock of `time.monotonic` after which training stops.
            pause: time on the same clock after which the method returns early, having taken at least one step.

        Raises:
            DivergenceError: loss or gradient norm is not finite, or the loss is above `LOSS_BOUND` ln V.
            TimeLimitError: the deadline passed.
        """
        self.model.train()
        self._end = end
        now = time.monotonic()
        while self.step < until:
            if now > deadline:
                raise TimeLimitError(f"{self._budget.seconds:g} s were over after {self.step} of {end} training steps")
            self._take(learning_rate(self.step + 1, end, self._budget))
            self.step += 1
            before, now = now, time.monotonic()
            self.seconds += now - before
            if now > pause:
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
            _require_sane(step, self._recent[-1], norm.item(), LOSS_BOUND * math.log(vocab))
            if step % interval == 0 or step == self._end:
                self.curve.append((step, fmean(self._recent)))
                self._recent.clear()

    def _take(self, rate: float) -> None:
        """Take one step at a learning rate. Its loss is kept without the balancing term."""
        device = device_of(self.model)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        tokens_BL, targets_BL = self._task.draw(self._rng)
        with precision(device), balancing() as imbalances:
            logits_BLV = self.model(tokens_BL.to(device))
        logits, targets = logits_BLV.flatten(0, 1).float(), targets_BL.to(device).flatten()
        loss = functional.cross_entropy(logits, targets, ignore_index=IGNORED)
        self._optimizer.zero_grad()
        torch.autograd.backward(sum((BALANCE * term for term in imbalances), start=loss))
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self._budget.clip)
        self._unread.append(_Taken(self.step + 1, loss.detach(), norm, logits.shape[1]))
        self._read(UNREAD_STEPS.get(device.type, 0))
        self._optimizer.step()


def train(model: nn.Module, task: LoadedTask, budget: Budget, rng: np.random.Generator, deadline: float) -> Curve:
    """Train `model` in place for the whole budget and return its curve; see `Training` for arguments and errors."""
    training = Training(model, task, budget, rng)
    training.run(budget.steps, budget.steps, deadline)
    return tuple(training.curve)


def adamw(model: nn.Module, budget: Budget) -> torch.optim.AdamW:
    """Create AdamW whose weight decay applies only to the parameters that `star.weight_decay` lists."""
    decaying = list(decaying_parameters(model).values())
    shrinks = set(map(id, decaying))
    spared = [parameter for parameter in model.parameters() if id(parameter) not in shrinks]
    groups = [
        {"params": decaying, "weight_decay": budget.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=budget.learning_rate, betas=(0.9, 0.95), fused=True)


def precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on CUDA; other devices compute in float32, which is faster there and reproducible."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _require_sane(step: int, loss: float, norm: float, bound: float) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise DivergenceError(f"at step {step} the loss is {loss} and the gradient norm {norm}")
    if loss > bound:
        raise DivergenceError(f"at step {step} the loss is {loss:.1f}, above {bound:.1f}")
