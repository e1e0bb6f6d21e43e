"""Zero-cost signals: numbers from a fresh model that are said to foretell its quality after training.

Nothing depends on them. They are recorded so that each search shows how far they rank its candidates as training does.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from evaluator.gradients import add_gradients, device_of
from evaluator.metrics import GRADIENT_NORM, GRADSIGN, SYNFLOW
from evaluator.tasks.loaded import Examples, LoadedTask
from star.ops.forms import observed

SEQUENCES = 16
"""Sequences whose gradients GradSign compares, at most."""

DRAW = 1
"""What tells the generator of the batch from that of the training's batches, which has the same seed."""

EMBEDDING = "embedding_VD"
"""The name of the parameter that embeds the input."""


def signals(model: nn.Module, task: LoadedTask, seed: int, asked: Collection[str]) -> dict[str, float]:
    """Compute the signals that are asked for on copies of a fresh model; one that is not finite is left out.

    They come from one training batch, drawn by a generator of its own, so that the training draws the same batches
    with signals and without.
    """
    wanted = {name: signal for name, signal in SIGNALS.items() if name in asked}
    if not wanted:
        return {}
    batch = task.draw(np.random.default_rng([seed, DRAW]))
    with observed():  # the forms in which a signal computes are not those of the training
        found = {name: signal(copy.deepcopy(model), batch) for name, signal in wanted.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def gradient_norm(model: nn.Module, batch: Examples) -> float:
    """Return the sum over all weights of the norm of the loss's gradient (Abdelfattah et al. 2021, section 3.1)."""
    add_gradients(model, batch)
    return float(sum(gradient.double().norm() for gradient in _gradients(model)))


def gradsign(model: nn.Module, batch: Examples) -> float:
    """Return by how much the gradients of single sequences agree in sign (Zhang and Jia 2022, section 3.3).

    It is the sum over all parameters of the absolute value of the sum over sequences of the sign of the gradient.
    """
    signs = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for tokens_L, targets_L in zip(batch.tokens[:SEQUENCES], batch.targets[:SEQUENCES], strict=True):
        model.zero_grad()
        add_gradients(model, Examples(tokens_L[None], targets_L[None]))
        for sign, parameter in zip(signs, model.parameters(), strict=True):
            sign += 0.0 if parameter.grad is None else parameter.grad.sign()
    return float(sum(sign.abs().sum() for sign in signs))


def synflow(model: nn.Module, batch: Examples) -> float:
    """Return the sum over all parameters of theta dR / dtheta, R the sum of the outputs (Tanaka et al. 2020, eq. 2).

    Every parameter is replaced by its absolute value, and the embedded input by ones, as tokens have no size. It is
    computed in float64 on one sequence, because products over layers leave the range of float32.
    """
    model = model.double()
    inputs = batch.tokens[:1].to(device_of(model))
    others = [parameter for name, parameter in model.named_parameters() if not name.endswith(EMBEDDING)]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.ones_like(parameter) if name.endswith(EMBEDDING) else parameter.abs())
    model(torch.ones_like(inputs, dtype=torch.float64) if inputs.is_floating_point() else inputs).sum().backward()
    return float(sum((own.detach() * own.grad).sum() for own in others if own.grad is not None))


def _gradients(model: nn.Module) -> Iterator[Tensor]:
    """Iterate over the gradients of the parameters that have one."""
    return (parameter.grad for parameter in model.parameters() if parameter.grad is not None)


SIGNALS: dict[str, Callable[[nn.Module, Examples], float]] = {
    GRADIENT_NORM.name: gradient_norm,
    SYNFLOW.name: synflow,
    GRADSIGN.name: gradsign,
}
"""The signals by name."""
