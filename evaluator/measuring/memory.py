"""The peak memory of decoding and of training an architecture.

The work is done in a fresh process, because freed memory stays with an old one. `python -m evaluator.measuring.memory`
reads a `Work` as JSON and prints bytes: on a GPU the most that tensors held there, on a CPU how far the resident set
grew, at its peak, above that of the process when it had loaded everything (Linux with glibc).

Shapes: B sequences, L tokens.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import BaseModel

import star
from evaluator.budget import Budget
from evaluator.execution import device_type
from evaluator.failure import TimeLimitError
from evaluator.gradients import add_gradients, precision
from evaluator.measure import following
from evaluator.measuring.subject import Subject
from evaluator.metrics import DECODE_PEAK_BYTES, TRAIN_PEAK_BYTES
from evaluator.optimizers.groups import optimizer_of
from evaluator.tasks.loaded import Examples
from genome import Genome, Shape, Space, decode

NEW_TOKENS = 8
STEPS = 2
"""Training steps; the second one has the moments of the first."""

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"
"""What sets the peak of the resident set to its present size (`man 5 proc_pid_clear_refs`)."""

ALLOCATOR = {"GLIBC_TUNABLES": "", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""Settings of glibc with which tensors above 64 KiB are returned to the system as soon as they are freed."""


class Work(BaseModel):
    """An architecture, and what is done with it once to see how much memory that takes.

    Attributes:
        metric: the name of the metric.
        seconds: seconds after which the process that does it ends itself.
    """

    metric: str
    genome: str
    space: dict[str, Any]
    shape: dict[str, int]
    context: int
    budget: Budget
    seconds: float

    @classmethod
    def of(cls, subject: Subject, metric: str) -> Self:
        """Return the work for one metric of a candidate."""
        request = subject.request
        return cls(
            metric=metric,
            genome=request.genome,
            space=request.space,
            shape=request.shape.to_json(),
            context=request.context,
            budget=request.budget,
            seconds=subject.deadline - time.monotonic(),
        )

    def model(self) -> star.Backbone:
        """Return the architecture with fresh weights, on the device of trainings."""
        blueprint = decode(Genome.parse(self.genome), Space.from_json(self.space))
        model = star.build(blueprint, Shape.from_json(self.shape), base_width=self.budget.base_width).to(device_type())
        model.checkpoint_activations = self.budget.checkpoint_activations
        return model

    def examples(self, batch: int, length: int) -> Examples:
        """Return random tokens and targets, or values where the input is real, on the CPU."""
        shape = Shape.from_json(self.shape)
        if shape.channels:
            return Examples(torch.randn(batch, length, shape.channels), torch.randn(batch, length, shape.vocab))
        return Examples(*torch.randint(shape.vocab, (2, batch, length)))


def peak_bytes(subject: Subject, metric: str) -> float:
    """Measure the peak memory of one metric of a candidate in bytes, in a fresh process.

    Raises:
        TimeLimitError: the deadline passed.
        MemoryError: the process was killed, as the kernel does when memory is full.
        RuntimeError: the process failed; the message ends with its own.
    """
    work = Work.of(subject, metric)
    if work.seconds <= 0:
        raise TimeLimitError("the seconds of the budget were over before the peak memory was measured")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **ALLOCATOR}
    command = [sys.executable, "-m", __name__]
    text = work.model_dump_json()
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment)  # noqa: S603 -- own module
    if done.returncode == -signal.SIGALRM:
        raise TimeLimitError("the seconds of the budget were over while the peak memory was measured")
    if done.returncode == -signal.SIGKILL:
        raise MemoryError("the process that measured the peak memory was killed")
    if done.returncode:
        raise RuntimeError(f"the peak memory was not measured: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout)


@torch.inference_mode()
def _decode(work: Work) -> None:
    model = work.model().eval()
    cache = model.new_cache(batch=1)
    with precision(torch.device(device_type())):
        next_BL = work.examples(1, work.context).tokens.to(device_type())
        for _ in range(1 + NEW_TOKENS):
            next_BL = following(model(next_BL, cache=cache), next_BL)


def _train(work: Work) -> None:
    model = work.model()
    optimizer = optimizer_of(model, work.budget)
    batch = work.examples(work.budget.batch, work.budget.length)
    for _ in range(STEPS):
        optimizer.zero_grad()
        add_gradients(model, batch)
        optimizer.step()


WORKS: dict[str, Callable[[Work], None]] = {DECODE_PEAK_BYTES.name: _decode, TRAIN_PEAK_BYTES.name: _train}


def growth(work: Work) -> int:
    """Do some work in this process, and return the bytes that it took at its peak."""
    if device_type() == "cuda":
        WORKS[work.metric](work)
        return torch.cuda.max_memory_allocated()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory that the allocator keeps would hide as much growth
    CLEAR.write_text(CLEAR_PEAK, encoding="ascii")
    before = _resident("VmRSS")
    WORKS[work.metric](work)
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """Return a size of the resident set of this process in bytes, by its name in the process's status."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii").splitlines())
    return 1024 * int(lines[name].split()[0])


def main() -> None:
    """Read a `Work` from standard input, do it, and print the bytes."""
    work = Work.model_validate_json(sys.stdin.read())
    signal.alarm(ceil(work.seconds))
    torch.set_num_threads(1)
    small = work.model_copy(update={"context": 2, "budget": work.budget.model_copy(update={"batch": 1, "length": 2})})
    WORKS[work.metric](small)  # loads all that the work needs and that is no memory of it
    sys.stdout.write(str(growth(work)))


if __name__ == "__main__":
    main()
