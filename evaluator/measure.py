"""Measurements of a trained model: its quality on unseen data, and the time to decode one token.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from evaluator.failure import DivergenceError, TimeLimitError
from evaluator.gradients import copied, device_of, precision
from evaluator.tasks.loaded import LoadedTask
from star import Backbone

DECODE_WARMUP = 4
DECODE_REPEATS = 48


class Measured(NamedTuple):
    """A number and its standard error."""

    value: float
    stderr: float


@torch.inference_mode()
def quality(
    model: nn.Module,
    task: LoadedTask,
    batch: int,
    deadline: float,
    between: Callable[[], object] = lambda: None,
) -> Measured:
    """Compute the task's metric on its validation set, `batch` sequences at a time; `between` is called before each.

    Returns:
        The mean over sequences and its standard error.

    Raises:
        DivergenceError: the metric is not finite.
        TimeLimitError: the deadline passed.
    """
    model.eval()
    device = device_of(model)
    scores = []
    for tokens_BL, targets_BL in zip(*(torch.split(part, batch) for part in task.validation), strict=True):
        require_time(deadline)
        between()
        with precision(device):
            logits_BLV = model(copied(tokens_BL, device))
        scores.append(task.score(logits_BLV, copied(targets_BL, device)).double())
    score_B = torch.cat(scores)
    mean = score_B.mean().item()
    if not math.isfinite(mean):
        raise DivergenceError(f"the score of the trained model is {mean}")
    return Measured(mean, (score_B.std() / math.sqrt(len(score_B))).item())


@torch.inference_mode()
def decode_ms(model: Backbone, prompt_BL: Tensor, deadline: float) -> Measured:
    """Measure the milliseconds that decoding one token takes with the model's cache, after a prompt (1, L).

    Returns:
        The median over repetitions and its standard error, which covers only the spread within this measurement: the
        load of other workers, which train meanwhile, shifts the median.

    Raises:
        TimeLimitError: the deadline passed.
    """
    model.eval()
    device = device_of(model)
    repeats = DECODE_WARMUP + DECODE_REPEATS
    cache = model.new_cache(batch=1)
    taken = []
    with precision(device):
        prompt_BL = prompt_BL.to(device)
        next_BL = following(model(prompt_BL, cache=cache), prompt_BL)
        for _ in range(repeats):
            require_time(deadline)
            began = time.perf_counter()
            outputs = model(next_BL, cache=cache)
            next_BL = following(outputs, next_BL)
            outputs.flatten()[0].item()  # waits for the device
            taken.append(1e3 * (time.perf_counter() - began))
    return median_of(taken[DECODE_WARMUP:])


def following(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Return a step to decode next, (B, 1): the likeliest token, or the last values of a real input once more."""
    return inputs[:, -1:] if inputs.is_floating_point() else outputs[:, -1:].argmax(-1)


def median_of(times: Sequence[float]) -> Measured:
    """Return the median of times and its standard error.

    The error is that of a normal sample with the same median absolute deviation, as a busy machine makes a few times
    very long.
    """
    times_R = torch.tensor(times, dtype=torch.float64)
    median = times_R.median()
    spread = 1.4826 * (times_R - median).abs().median()
    return Measured(median.item(), (1.2533 * spread / math.sqrt(len(times))).item())


def require_time(deadline: float) -> None:
    """Raise TimeLimitError after a time on the clock of `time.monotonic`."""
    if time.monotonic() > deadline:
        raise TimeLimitError("the seconds of the budget were over while the trained model was measured")
