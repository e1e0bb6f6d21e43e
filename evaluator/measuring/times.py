"""Times of a trained model at the context of its plan, measured while no training goes on on the machine.

A round reads a prompt of `context` tokens some times and then decodes tokens after it. A round whose spread is wide is
measured again, and the one with the narrowest spread counts: wide is a standard error of a median above `WIDE` of it.

Shapes: B sequences, L tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from evaluator.gradients import device_of, precision
from evaluator.measure import Measured, following, median_of, require_time
from evaluator.measuring.subject import Subject
from evaluator.metrics import DECODE_P50_MS, DECODE_P95_MS, PREFILL_MS
from star.cache import Cache

PREFILL_WARMUP = 1
PREFILL_REPEATS = 5
DECODE_WARMUP = 8
DECODE_TOKENS = 120

WIDE = 0.05
ROUNDS = 3
"""The most rounds of one candidate."""

TIMES = frozenset({PREFILL_MS.name, DECODE_P50_MS.name, DECODE_P95_MS.name})
"""The names of the metrics that are found here."""

RESAMPLES = 200
"""Samples of the bootstrap by which the standard error of the 95th percentile is found."""


class Round(NamedTuple):
    """The times of one round in milliseconds, by the name of their metric, and whether no training went on."""

    times: dict[str, Measured]
    quiet: bool

    @property
    def spread(self) -> float:
        """The largest relative standard error of a median."""
        medians = [found for name, found in self.times.items() if name in (PREFILL_MS.name, DECODE_P50_MS.name)]
        return max((found.stderr / found.value for found in medians), default=0.0)


def times(subject: Subject) -> Round:
    """Measure the times that the request asks for, each round in the quiet slot.

    Returns:
        The round with the narrowest spread.

    Raises:
        TimeLimitError: the deadline passed.
    """
    rounds: list[Round] = []
    while not rounds or (rounds[-1].spread > WIDE and len(rounds) < ROUNDS):
        with subject.slot.alone() as quiet:
            rounds.append(Round(_round(subject), quiet))
    return min(rounds, key=lambda one: one.spread)


@torch.inference_mode()
def _round(subject: Subject) -> dict[str, Measured]:
    """Read the prompt, then decode after it."""
    model, device = subject.model.eval(), device_of(subject.model)
    prompt_BL = subject.prompt(subject.request.context).to(device)
    caches: list[Cache] = []

    def prefill() -> Tensor:
        caches[:] = [model.new_cache(batch=1)]
        logits_BLV: Tensor = model(prompt_BL, cache=caches[0])
        return logits_BLV

    with precision(device):
        repeats = PREFILL_REPEATS if PREFILL_MS.name in subject.request.asked else 0
        read, outputs = _timed(prefill, PREFILL_WARMUP, repeats, subject.deadline)
        next_BL = following(outputs, prompt_BL)

        def step() -> Tensor:
            nonlocal next_BL
            logits_BLV: Tensor = model(next_BL, cache=caches[0])
            next_BL = following(logits_BLV, next_BL)
            return logits_BLV

        decodes = not {DECODE_P50_MS.name, DECODE_P95_MS.name}.isdisjoint(subject.request.asked)
        decoded = _timed(step, DECODE_WARMUP, DECODE_TOKENS, subject.deadline)[0] if decodes else []
    summaries: Mapping[str, tuple[list[float], Callable[[list[float]], Measured]]] = {
        PREFILL_MS.name: (read, median_of),
        DECODE_P50_MS.name: (decoded, median_of),
        DECODE_P95_MS.name: (decoded, late),
    }
    return {name: of(taken) for name, (taken, of) in summaries.items() if name in subject.request.asked}


def _timed(work: Callable[[], Tensor], warmup: int, repeats: int, deadline: float) -> tuple[list[float], Tensor]:
    """Return the milliseconds of each repetition after a warm-up, and the last outputs."""
    taken = []
    for _ in range(warmup + repeats):
        require_time(deadline)
        began = time.perf_counter()
        outputs = work()
        outputs.flatten()[0].item()  # waits for the device
        taken.append(1e3 * (time.perf_counter() - began))
    return taken[warmup:], outputs


def late(times: list[float]) -> Measured:
    """Return the 95th percentile of times, and its standard error by the bootstrap (Efron 1979)."""
    times_R = np.asarray(times)
    picks_SR = np.random.default_rng(0).integers(0, len(times_R), (RESAMPLES, len(times_R)))
    found_S = np.percentile(times_R[picks_SR], 95, axis=1)
    return Measured(float(np.percentile(times_R, 95)), float(found_S.std(ddof=1)))
