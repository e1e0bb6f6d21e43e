"""The input and the output of an evaluator as plain values, and the protocol of both evaluators."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from evaluator.budget import Budget
from evaluator.tasks.task import Task
from genome import Shape


@dataclass(frozen=True)
class Request:
    """One candidate to evaluate.

    Attributes:
        attempt: returned with the result, so that the result of an abandoned attempt is recognised.
        space: the `Space` of the genome as JSON.
        context: tokens at which the cache is counted.
    """

    candidate: int
    attempt: int
    genome: str
    space: dict[str, Any]
    shape: Shape
    task: Task
    budget: Budget
    context: int = 4096
    seed: int = 0


class Failure(StrEnum):
    """The reason why a candidate has no metrics. `DEVICE`: the accelerator reported an error, such as a CUDA error."""

    DIVERGED = "diverged"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE = "device"


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one request. A failure is an outcome with a reason, never an exception.

    Attributes:
        metrics: values by the name of a `Metric`, standard errors under `<name>_stderr`. Empty after a failure.
        curve: (step, training loss in nats) pairs.
        weights: the trained weights as safetensors bytes, or None after a failure.
        seconds: wall time of the evaluation.
    """

    candidate: int
    attempt: int
    metrics: dict[str, float] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    failure: Failure | None = None
    detail: str = ""
    seconds: float = 0.0
    weights: bytes | None = None


class Evaluator(Protocol):
    """Evaluates requests, several at once, without a barrier between them.

    Every submitted request is returned by `collect` exactly once, with its `candidate` and `attempt`, unless
    `close` abandons it. A candidate that raises, hangs or kills its process is returned as an `Evaluation` with a
    failure, and the evaluator continues. After `close` it is empty and may be used again.
    """

    @property
    def capacity(self) -> int:
        """The number of requests that can be under way at once."""
        ...

    @property
    def busy(self) -> int:
        """The number of requests that are under way or wait to be collected."""
        ...

    def submit(self, request: Request) -> None:
        """Begin one request. Raises RuntimeError when `busy == capacity`."""
        ...

    def collect(self, timeout: float) -> list[Evaluation]:
        """Return the finished evaluations, waiting at most about `timeout` seconds for the first."""
        ...

    def close(self) -> None:
        """Abandon the requests under way and release every process."""
        ...
