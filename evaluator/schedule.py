"""The learning rate over a run: warm-up, stable, cool-down.

A short run is a prefix of a longer one followed by its own cool-down. A candidate that is trained further therefore
goes on from the state before its cool-down and pays only the difference (Hägele et al. 2024, arXiv 2405.18392).
"""

from __future__ import annotations

import math

from evaluator.budget import Budget


def learning_rate(step: int, end: int, budget: Budget, highest: float) -> float:
    """Return the learning rate at step 1 to `end` of a run that ends there.

    It rises linearly over the warm-up, stays, and falls from the step after `stable_steps(end, budget)` on by
    1 - sqrt(share of the cool-down done), towards 0 after the last step.
    """
    rising = min(1.0, step / budget.warmup) if budget.warmup else 1.0
    stable = stable_steps(end, budget)
    done = max(0, step - stable) / (end - stable + 1)
    return highest * rising * (1 - math.sqrt(done))


def stable_steps(end: int, budget: Budget) -> int:
    """Return the steps before the cool-down of a run of `end` steps; the cool-down has at least one step."""
    return end - max(1, round(budget.cooldown * end))
