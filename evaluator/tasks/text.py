"""Byte-level language modelling on real files, scored in bits per byte.

Shapes: B sequences, L bytes, V vocabulary (256).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from evaluator.evaluation import Budget, Metric, TextTask
from evaluator.tasks.corpus import STDLIB, directory, require_text, split
from evaluator.tasks.loaded import Examples


@dataclass(frozen=True)
class Text:
    """Text at one budget. A sequence is L + 1 bytes: the first is only context, each of the other L is predicted.

    The validation set is spread evenly over the validation text, so it depends on the corpus and the budget alone.

    Raises:
        ValueError: the corpus has too little text for sequences of this length.
    """

    text: np.ndarray = field(repr=False)
    length: int
    batch: int
    validation: Examples = field(repr=False)

    @classmethod
    def load(cls, task: TextTask, budget: Budget) -> Text:
        halves = split(task.corpus)
        shortest = min(len(halves.train), len(halves.validation))
        if shortest <= budget.length:
            raise ValueError(
                f"length must be 2 to {shortest - 1}, not {budget.length}: corpus {task.corpus} has "
                f"{len(halves.train)} bytes to train on and {len(halves.validation)} to validate on"
            )
        last = len(halves.validation) - budget.length - 1
        starts = np.linspace(0, last, budget.validation).astype(np.int64)
        validation = _crops(halves.validation, starts, budget.length)
        return cls(halves.train, budget.length, budget.batch, validation)

    @property
    def metric(self) -> Metric:
        return Metric.BITS_PER_BYTE

    def draw(self, rng: np.random.Generator) -> Examples:
        return _crops(self.text, rng.integers(0, len(self.text) - self.length, self.batch), self.length)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        nats_BL = functional.cross_entropy(logits_BLV.float().transpose(1, 2), targets_BL, reduction="none")
        return nats_BL.mean(1) / math.log(2)


def corpus_directory(corpus: str, allowed: Sequence[Path]) -> Path:
    """The directory a corpus names, links resolved, once it is known to be one that may be read.

    Raises:
        ValueError: not `stdlib` and not an existing directory inside one of `allowed`, or with too little text.
            Whether a path outside of them exists is not told.
    """
    if corpus == STDLIB:
        return directory(STDLIB)
    roots = [root.resolve() for root in allowed]
    legal = f"{STDLIB!r}" + (f" or a directory inside: {', '.join(map(str, roots))}" if roots else "")
    shown = repr(corpus if len(corpus) <= 200 else corpus[:200] + "...")
    try:
        path = Path(corpus)
        inside = path.is_absolute() and any(path.resolve().is_relative_to(root) for root in roots)
    except (ValueError, OSError, RuntimeError) as error:  # zero bytes, names too long, loops of links
        raise ValueError(f"corpus {shown} is no path ({error}); legal: {legal}") from None
    if not inside:
        raise ValueError(f"corpus {shown} is not allowed; legal: {legal}")
    path = path.resolve()
    if not path.is_dir():
        raise ValueError(f"corpus {shown} is no directory; legal: {legal}")
    require_text(path)
    return path


def _crops(text: np.ndarray, starts: np.ndarray, length: int) -> Examples:
    bytes_BL = torch.from_numpy(text[starts[:, None] + np.arange(length + 1)].astype(np.int64))
    return Examples(bytes_BL[:, :-1], bytes_BL[:, 1:])
