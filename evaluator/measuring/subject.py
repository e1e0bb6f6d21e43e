"""What the measurements on request are made of: one trained candidate."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from evaluator.evaluation import Request
from evaluator.measuring.slot import QuietSlot
from evaluator.tasks.loaded import LoadedTask
from star import Backbone


class Subject(NamedTuple):
    """A trained candidate that is measured.

    Attributes:
        request: the request of its evaluation.
        deadline: time on the clock of `time.monotonic` after which measuring stops.
    """

    request: Request
    model: Backbone
    task: LoadedTask
    slot: QuietSlot
    deadline: float

    def prompt(self, length: int) -> Tensor:
        """Return validation tokens one after the other, from the first again after the last: (1, `length`).

        Where the input is real, the steps of the validation set: (1, `length`, channels).
        """
        inputs = self.task.validation.tokens.flatten(0, 1)
        return inputs[torch.arange(length) % len(inputs)][None]
