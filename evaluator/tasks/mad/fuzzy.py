"""Fuzzy in-context recall of MAD (Poli et al. 2024, section 3.1): keys and values of one to three tokens.

A key that occurs again has the same value, whose tokens are asked. In training keys have one to three tokens, in
validation always three. A sequence begins with padding and ends with a probe, a key that occurred before and its value.

Shapes: B sequences, L tokens, M tokens in a motif.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.mad.task import PUBLISHED, Arrays, MADTask, Setting, error_metric, followed
from evaluator.value import FieldError

MOTIF = 3
"""The most tokens of a key, and of a value."""

SHORTEST = 4 * 2 * MOTIF
"""Fewest tokens of a sequence: room for the longest pair, its probe, and as much beside them."""


class FuzzyRecallTask(MADTask):
    """Fuzzy in-context recall of MAD, scored by the share of wrong tokens of values."""

    kind: Literal["mad_fuzzy_recall"] = "mad_fuzzy_recall"
    symbols: int = Field(default=16, ge=8, le=1024, description="size of the vocabulary; the last symbol is padding")

    title: ClassVar[str] = "MAD: fuzzy in-context recall"
    summary: ClassVar[str] = "find the value that a key had before, both of several tokens"
    brief: ClassVar[str] = "MAD fuzzy recall with {symbols} symbols"
    metric: ClassVar[Metric] = error_metric("mad_fuzzy_recall_error", "Fuzzy recall error")
    baseline: ClassVar[Setting] = Setting(128, {"symbols": 16})

    @property
    def answers(self) -> int:
        return self.symbols - 1 - self.keys

    @property
    def keys(self) -> int:
        """The number of tokens that keys are made of; those of values follow, then the padding."""
        return (self.symbols - 1) // 2

    def require_fit(self, budget: Budget) -> None:
        super().require_fit(budget)
        if budget.length < SHORTEST:
            raise FieldError(
                ("budget", "length"), f"length must be {SHORTEST} or more for fuzzy recall, not {budget.length}"
            )

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        published = self.protocol == PUBLISHED
        sequences = _Sequences(rng, count, length, self, shortest_key=1 if training else MOTIF)
        sequences.fill(late=published)
        tokens_BN, asked_BN = sequences.ended()
        return followed(tokens_BN, asked_BN, length, everything=training and published)


class _Sequences:
    """Sequences that are filled from the left, all at once, one pair each at a time.

    A key is compared by its number: its tokens as digits, with a digit for no token.
    """

    def __init__(
        self, rng: np.random.Generator, count: int, length: int, task: FuzzyRecallTask, shortest_key: int
    ) -> None:
        self._rng, self._count, self._length, self._task = rng, count, length, task
        self._shortest_key = shortest_key
        self._probe_keys = self._motifs(0, task.keys, shortest_key)
        self._probe_values = self._motifs(task.keys, task.answers, 1)
        self._tokens_BN = np.full((count, length + 4 * MOTIF), task.symbols - 1)
        self._asked_BN = np.zeros(self._tokens_BN.shape, bool)
        self._filled_B = np.zeros(count, np.int64)
        self._seen: list[tuple[np.ndarray, np.ndarray]] = []

    def fill(self, late: bool) -> None:
        """Add pairs while there is room, among them the probe.

        Args:
            late: whether the probe may be due where no room is left, so that a few sequences are without it.
        """
        probe_B = _sizes(self._probe_keys) + _sizes(self._probe_values)
        room_B = self._length - probe_B - 2 * MOTIF
        # a pair has at most 2 * MOTIF tokens, so one begins between `due_B` and `room_B`
        due_B = self._rng.integers(0, self._length - 2 * probe_B if late else room_B - 2 * MOTIF + 1)
        waiting_B = np.ones(self._count, bool)
        while (open_B := self._filled_B < room_B).any():
            probing_B = open_B & waiting_B & (self._filled_B >= due_B)
            waiting_B &= ~self._pair(open_B, probing_B)

    def ended(self) -> Arrays:
        """Add the probe at the end, and return L + 1 tokens, padded on the left, and which of them are answers."""
        everywhere_B = np.ones(self._count, bool)
        self._append(self._probe_keys, everywhere_B, ~everywhere_B)
        self._append(self._probe_values, everywhere_B, everywhere_B)
        place_BN = np.arange(self._length + 1) - (self._length + 1 - self._filled_B)[:, None]
        inside_BN = place_BN >= 0
        tokens_BN = np.take_along_axis(self._tokens_BN, place_BN.clip(0), axis=1)
        asked_BN = np.take_along_axis(self._asked_BN, place_BN.clip(0), axis=1)
        return np.where(inside_BN, tokens_BN, self._task.symbols - 1), asked_BN & inside_BN

    def _pair(self, open_B: np.ndarray, probing_B: np.ndarray) -> np.ndarray:
        """Add a pair to the sequences that are open: the probe, or another one.

        Returns:
            Which of them have had the probe, by its turn or by chance.
        """
        keys_BM = np.where(probing_B[:, None], self._probe_keys, self._motifs(0, self._task.keys, self._shortest_key))
        values_BM = self._motifs(self._task.keys, self._task.answers, 1)
        number_B = self._numbers(keys_BM)
        again_B = np.zeros(self._count, bool)
        for seen_B, value_BM in self._seen:
            same_B = seen_B == number_B
            values_BM[same_B] = value_BM[same_B]
            again_B |= same_B
        is_probe_B: np.ndarray = number_B == self._numbers(self._probe_keys)
        values_BM[is_probe_B] = self._probe_values[is_probe_B]
        self._append(keys_BM, open_B, np.zeros(self._count, bool))
        self._append(values_BM, open_B, again_B & ~probing_B)
        self._seen.append((np.where(open_B, number_B, -1), values_BM))
        had_B: np.ndarray = is_probe_B & open_B
        return had_B

    def _append(self, motif_BM: np.ndarray, open_B: np.ndarray, asked_B: np.ndarray) -> None:
        """Write a motif behind what is filled of the open sequences."""
        for n in range(MOTIF):
            rows = np.flatnonzero(open_B & (motif_BM[:, n] >= 0))
            self._tokens_BN[rows, self._filled_B[rows]] = motif_BM[rows, n]
            self._asked_BN[rows, self._filled_B[rows]] = asked_B[rows]
            self._filled_B[rows] += 1

    def _motifs(self, first: int, symbols: int, shortest: int) -> np.ndarray:
        """Draw motifs of `shortest` to `MOTIF` different tokens, (B, M), -1 behind their end."""
        order = self._rng.random((self._count, symbols)).argpartition(MOTIF - 1, axis=1)[:, :MOTIF]
        motif_BM = first + self._rng.permuted(order, axis=1)
        size_B = self._rng.integers(shortest, MOTIF + 1, self._count)
        motif_BM[np.arange(MOTIF) >= size_B[:, None]] = -1
        return motif_BM

    def _numbers(self, motif_BM: np.ndarray) -> np.ndarray:
        number_B: np.ndarray = (motif_BM + 1) @ (self._task.symbols ** np.arange(MOTIF))
        return number_B


def _sizes(motif_BM: np.ndarray) -> np.ndarray:
    size_B: np.ndarray = (motif_BM >= 0).sum(1)
    return size_B
