"""In-context recall and noisy in-context recall of MAD (Poli et al. 2024, section 3.1).

A sequence is made of slots of two tokens, a key and its value; a key that occurs again has the same value, which is
asked from its second occurrence on. The last slot always asks. In noisy recall some slots hold two tokens of noise.

Shapes: B sequences, S slots, K keys, L tokens.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, FiniteFloat

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.mad.task import PUBLISHED, Arrays, MADTask, Setting, error_metric, followed
from evaluator.value import FieldError

SMALLEST = 4
"""Symbols that are no noise: two keys and two values at least."""


class ContextRecallTask(MADTask):
    """In-context recall of MAD, scored by the share of wrong values."""

    kind: Literal["mad_context_recall"] = "mad_context_recall"

    title: ClassVar[str] = "MAD: in-context recall"
    summary: ClassVar[str] = "find the value that a key had before"
    brief: ClassVar[str] = "MAD in-context recall with {symbols} symbols"
    metric: ClassVar[Metric] = error_metric("mad_context_recall_error", "In-context recall error")
    baseline: ClassVar[Setting] = Setting(127, {"symbols": 16})

    @property
    def answers(self) -> int:
        return self.symbols - self.symbols // 2

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        everything = training and self.protocol == PUBLISHED
        return followed(*slots(rng, count, -(-length // 2), self.symbols, 0, 0.0), length, everything)

    def require_fit(self, budget: Budget) -> None:
        super().require_fit(budget)
        require_two_slots(budget)


class NoisyRecallTask(MADTask):
    """Noisy in-context recall of MAD, scored by the share of wrong values."""

    kind: Literal["mad_noisy_recall"] = "mad_noisy_recall"
    symbols: int = Field(default=32, ge=8, le=1024, description="size of the vocabulary, that of the noise included")
    noise_symbols: int = Field(default=16, ge=1, le=1020, description="symbols that are noise alone")
    noise: FiniteFloat = Field(default=0.2, ge=0, lt=1, description="share of the slots that hold noise")

    title: ClassVar[str] = "MAD: noisy in-context recall"
    summary: ClassVar[str] = "find the value that a key had before, among noise"
    brief: ClassVar[str] = "MAD noisy recall with {symbols} symbols and {noise} noise"
    metric: ClassVar[Metric] = error_metric("mad_noisy_recall_error", "Noisy recall error")
    baseline: ClassVar[Setting] = Setting(127, {"symbols": 32, "noise": 0.2})

    @property
    def answers(self) -> int:
        known = self.symbols - self.noise_symbols
        return known - known // 2

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        everything = training and self.protocol == PUBLISHED
        drawn = slots(rng, count, -(-length // 2), self.symbols, self.noise_symbols, self.noise)
        return followed(*drawn, length, everything)

    def require_fit(self, budget: Budget) -> None:
        super().require_fit(budget)
        require_two_slots(budget)
        if self.symbols - self.noise_symbols < SMALLEST:
            raise FieldError(
                ("task", "noise_symbols"),
                f"noise_symbols must be 1 to {self.symbols - SMALLEST}, not {self.noise_symbols}, because {SMALLEST} "
                f"of the {self.symbols} symbols or more are keys and values",
            )


def require_two_slots(budget: Budget) -> None:
    """Check that a sequence has a slot that asks behind another one. Raises FieldError when it has not."""
    if budget.length < 3:
        raise FieldError(("budget", "length"), f"length must be 3 or more for recall, not {budget.length}")


def slots(rng: np.random.Generator, count: int, slots: int, symbols: int, noise_symbols: int, noise: float) -> Arrays:
    """Draw tokens, (B, 2S), and which of them are answers.

    Keys are the first symbols, then come values, then noise. The value of a key is drawn for each sequence; two keys
    may have the same. One slot before the last is never noise.
    """
    known = symbols - noise_symbols
    keys = known // 2
    key_BS = rng.integers(0, keys, (count, slots))
    value_BK = rng.integers(keys, known, (count, keys))
    noisy_BS = rng.random((count, slots)) < noise
    noisy_BS[np.arange(count), rng.integers(0, slots - 1, count)] = False
    noisy_BS[:, -1] = False
    first_BK = _first_slots(key_BS[:, :-1], noisy_BS[:, :-1], keys)
    probe_score_BK = np.where(first_BK < slots, rng.random((count, keys)), -1.0)
    key_BS[:, -1] = probe_score_BK.argmax(1)
    again_BS = ~noisy_BS & (np.arange(slots) > np.take_along_axis(first_BK, key_BS, axis=1))
    tokens_BS2 = np.stack([key_BS, np.take_along_axis(value_BK, key_BS, axis=1)], axis=2)
    tokens_BS2[noisy_BS] = rng.integers(known, symbols, (int(noisy_BS.sum()), 2)) if noise_symbols else 0
    asked_BS2 = np.stack([np.zeros_like(again_BS), again_BS], axis=2)
    return tokens_BS2.reshape(count, -1), asked_BS2.reshape(count, -1)


def _first_slots(key_BS: np.ndarray, noisy_BS: np.ndarray, keys: int) -> np.ndarray:
    """Return the first slot of each key, (B, K); one more than all slots of the sequence for a key without one."""
    never = key_BS.shape[1] + 1
    first_BK = np.full((len(key_BS), keys), never)
    for key in range(keys):
        here_BS = (key_BS == key) & ~noisy_BS
        first_BK[:, key] = np.where(here_BS.any(1), here_BS.argmax(1), never)
    return first_BK
