"""Compression of MAD (Poli et al. 2024, section 3.1): a whole sequence is to be read off its last position.

A decoder that knows the positions is put behind the model's state at the last token; it is trained with the model,
and is no part of it: it counts neither in its parameters nor in its weights.

Shapes: B sequences, L tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from evaluator.budget import Budget
from evaluator.metrics import Metric
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.mad.task import CORRECTED, Arrays, MADTask, Setting, error_metric

if TYPE_CHECKING:
    from torch import nn

    from star import Backbone


class CompressionTask(MADTask):
    """Compression of MAD, scored by the share of wrong tokens."""

    kind: Literal["mad_compression"] = "mad_compression"

    title: ClassVar[str] = "MAD: compression"
    summary: ClassVar[str] = "hold a whole sequence in the state of its last position"
    brief: ClassVar[str] = "MAD compression with {symbols} symbols"
    metric: ClassVar[Metric] = error_metric("mad_compression_error", "Compression error")
    baseline: ClassVar[Setting] = Setting(32, {"symbols": 16})

    @property
    def answers(self) -> int:
        return self.symbols - 1

    def generate(self, rng: np.random.Generator, count: int, length: int, training: bool) -> Arrays:
        tokens_BL = rng.integers(0, self.answers, (count, length))
        tokens_BL[:, -1] = self.symbols - 1
        targets_BL = tokens_BL.copy()
        if self.protocol == CORRECTED:
            targets_BL[:, -1] = IGNORED  # the compression token is always the same
        return tokens_BL, targets_BL

    def around(self, backbone: Backbone, budget: Budget, seed: int) -> nn.Module:
        from evaluator.tasks.mad.decoder import AutoEncoder  # here, so that a plan is read without loading torch

        return AutoEncoder(backbone, seed)
