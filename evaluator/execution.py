"""Where an evaluation runs, and how: its device, its memory there, the forms of its operators, the parts of a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import torch

from evaluator.evaluation import Execution
from evaluator.train import Training
from star.ops.forms import observed

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
FIXED_WORKSPACE = ":4096:8"
"""A workspace with which cuBLAS gives the same bits each time; without it PyTorch refuses matrix products."""


def device_type() -> str:
    """Return the type of the device on which candidates are trained: "cuda" where there is a GPU, or "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class Follower(Protocol):
    """Sees a training between two of its steps, several times a second.

    Attributes:
        checkpoint_seconds: seconds of training between two writes of its progress.
    """

    checkpoint_seconds: float

    def __call__(self, training: Training, end: int) -> bool:
        """Take note of a training towards step `end`. Return whether it is to be saved and to stop here."""


class Observer:
    """What is known of an evaluation that runs in a context of `observing`.

    Attributes:
        training: its training, as soon as there is one.
        quiet: whether its times were measured in a quiet slot, as soon as they are.
        execution: what was observed, after the context.
    """

    def __init__(self) -> None:
        self.training: Training | None = None
        self.quiet: bool | None = None
        self.execution: Execution | None = None

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Observe the block; whether it raises or not, `execution` is known afterwards."""
        gpu = torch.cuda.current_device() if device_type() == "cuda" else None
        device = "cpu" if gpu is None else torch.cuda.get_device_name(gpu)
        if gpu is not None:
            torch.cuda.reset_peak_memory_stats(gpu)
        with observed() as forms:
            try:
                yield
            finally:
                self.execution = Execution(
                    device,
                    {name: [one for _, one in pairs] for name, pairs in groupby(sorted(forms), itemgetter(0))},
                    1 if self.training is None else self.training.parts,
                    None if gpu is None else torch.cuda.max_memory_allocated(gpu),
                    self.quiet,
                )


@contextmanager
def deterministic(asked: bool) -> Iterator[None]:
    """Allow only deterministic algorithms inside the context, if that is asked for.

    An operation that has none on its device raises RuntimeError, which names it. cuBLAS reads its setting when a
    process first uses it; a process that has used a GPU without the setting keeps its workspace.
    """
    if not asked:
        yield
        return
    before = torch.get_deterministic_debug_mode()
    os.environ.setdefault(WORKSPACE, FIXED_WORKSPACE)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
