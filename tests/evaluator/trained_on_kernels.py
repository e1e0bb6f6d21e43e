"""Trains a small model for two steps with Triton kernels in the interpreter, and with PyTorch's forms in their place.

Prints both as JSON. A process of its own: STAR_KERNELS and TRITON_INTERPRET are set before it starts.
"""

import json
import math
import sys
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

import star
from evaluator.budget import Budget
from evaluator.tasks.recall import RecallTask
from evaluator.train import Training
from genome import Genome, Shape, Space, decode, named
from star.ops.dispatch import forced
from star.ops.forms import observed

NAMES = ("GConv-1", "SA-2", "Rec-1", "HGRN")
STEPS = 2
BUDGET = Budget(steps=STEPS, batch=1, length=37, warmup=1, cooldown=0.0, validation=2)
TASK = RecallTask(symbols=32, pairs=4)


def fresh() -> star.Backbone:
    genome = Genome.of([named(name).id for name in NAMES])
    return star.build(decode(genome, Space.of(NAMES, depth=len(NAMES))), Shape(16, 8, TASK.vocab), seed=0)


def trained(mode: str | None) -> tuple[star.Backbone, dict[str, Any]]:
    """Train a fresh model in a mode, or in that of the environment, and tell its losses and the forms that ran."""
    model = fresh()
    training = Training(model, TASK.load(BUDGET), BUDGET, np.random.default_rng(0))
    with forced(mode) if mode else nullcontext(), observed() as forms:
        training.run(STEPS, STEPS, math.inf)
    return model, {"losses": [loss for _, loss in training.curve], "forms": sorted(forms)}


def moved(model: star.Backbone, other: star.Backbone) -> dict[str, float]:
    """Return the root mean square of what lies between the parameters of two models, by name."""
    pairs = zip(model.named_parameters(), other.parameters(), strict=True)
    return {name: (one - two).square().mean().sqrt().item() for (name, one), two in pairs}


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # not in its stubs
    on_kernels, told = trained(None)
    in_torch, meant = trained("torch")
    apart, far = moved(on_kernels, in_torch), moved(in_torch, fresh())
    json.dump({"kernels": told, "torch": meant, "apart": apart, "far": far}, sys.stdout)


if __name__ == "__main__":
    main()
