"""The training loop.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import math
import time
from statistics import fmean

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from evaluator.budget import Budget
from evaluator.failure import DivergenceError, TimeLimitError
from evaluator.tasks.loaded import IGNORED, LoadedTask
from star.balance import balancing
from star.weight_decay import decaying_parameters

CURVE_POINTS = 100
BALANCE = 0.01
"""Weight of the load-balancing term in the loss (Fedus et al. 2022, section 2.2). The curve leaves the term out."""

FINAL_RATE = 0.1
"""The last learning rate as a share of the full learning rate."""

LOSS_BOUND = 10.0
"""Divergence bound of the loss as a multiple of ln V, the loss of a uniform prediction."""

Curve = tuple[tuple[int, float], ...]


def train(model: nn.Module, task: LoadedTask, budget: Budget, rng: np.random.Generator, deadline: float) -> Curve:
    """Train `model` in place with AdamW and return its curve.

    Args:
        rng: generator that draws the batches; the same state gives the same batches.
        deadline: time on the clock of `time.monotonic` after which training stops.

    Returns:
        At most `CURVE_POINTS` pairs of a step and the mean loss in nats over the steps since the previous pair.

    Raises:
        DivergenceError: loss or gradient norm is not finite, or the loss is above `LOSS_BOUND` ln V.
        TimeLimitError: the deadline passed.
    """
    device = device_of(model)
    optimizer = adamw(model, budget)
    parameters = list(model.parameters())
    interval = math.ceil(budget.steps / CURVE_POINTS)
    curve: list[tuple[int, float]] = []
    recent: list[float] = []
    model.train()
    for step in range(1, budget.steps + 1):
        if time.monotonic() > deadline:
            raise TimeLimitError(f"{budget.seconds:g} s were over after {step - 1} of {budget.steps} training steps")
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, budget)
        tokens_BL, targets_BL = task.draw(rng)
        with precision(device), balancing() as imbalances:
            logits_BLV = model(tokens_BL.to(device))
        logits, targets = logits_BLV.flatten(0, 1).float(), targets_BL.to(device).flatten()
        loss = functional.cross_entropy(logits, targets, ignore_index=IGNORED)
        optimizer.zero_grad()
        torch.autograd.backward(sum((BALANCE * term for term in imbalances), start=loss))
        norm = nn.utils.clip_grad_norm_(parameters, budget.clip)
        _require_sane(step, loss.item(), norm.item(), LOSS_BOUND * math.log(logits.shape[1]))
        optimizer.step()
        recent.append(loss.item())
        if step % interval == 0 or step == budget.steps:
            curve.append((step, fmean(recent)))
            recent.clear()
    return tuple(curve)


def learning_rate(step: int, budget: Budget) -> float:
    """Learning rate at step 1 to `budget.steps`: linear warm-up, then cosine decay to `FINAL_RATE` of the full rate."""
    if step <= budget.warmup:
        return budget.learning_rate * step / budget.warmup
    progress = (step - budget.warmup) / max(1, budget.steps - budget.warmup)
    return budget.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * (1 + math.cos(math.pi * progress)) / 2)


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
