"""The input and the output of an evaluator as plain values, and the protocol of both evaluators."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol, Self

from evaluator.artifacts import Artifact
from evaluator.budget import Budget
from evaluator.tasks.task import Task
from genome import Shape


@dataclass(frozen=True)
class Store:
    """A place where a worker keeps what a candidate's training leaves.

    Attributes:
        url: the URL of the `Artifacts`.
        prefix: the folder within them, which belongs to one candidate and seed.
    """

    url: str
    prefix: str


@dataclass(frozen=True)
class Parent:
    """A trained candidate whose weights a child begins with.

    Attributes:
        genome: its text form.
        weights: its trained weights.
    """

    genome: str
    weights: Artifact


@dataclass(frozen=True)
class Request:
    """One candidate to evaluate.

    A training is identified by candidate, seed and tokens, and each of its attempts by `attempt` in addition.

    Attributes:
        attempt: returned with the result, so that the result of an abandoned attempt is recognised.
        space: the `Space` of the genome as JSON.
        context: tokens at which the cache is counted and times are measured.
        tokens: training tokens after which the candidate is cooled down and measured, a whole number of steps; None
            for all of the budget.
        parent: a trained candidate whose weights it begins with, where the genomes agree; they lie in the store.
        checkpoint: the state before the cool-down of a shorter training with the same seed, to go on from; it lies in
            the store.
        store: where the worker writes weights, checkpoints and progress; None to keep nothing.
        asked: the names of the metrics of `evaluator.metrics.ON_REQUEST` to report.
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
    tokens: int | None = None
    parent: Parent | None = None
    checkpoint: Artifact | None = None
    store: Store | None = None
    asked: tuple[str, ...] = ()

    @property
    def trained_tokens(self) -> int:
        """The training tokens: `tokens`, or all of the budget."""
        return self.budget.tokens if self.tokens is None else self.tokens


class Failure(StrEnum):
    """The reason why a candidate has no metrics.

    `DEVICE`: the accelerator reported an error, such as a CUDA error. `STORAGE`: the store of artifacts could not be
    written or read, for example because the disk is full; that is no candidate's fault. `DAMAGED`: the checkpoint that
    it goes on from, or the weights that it inherits, are missing or damaged. `NODE_LOST`: the machine of its worker
    process was lost.
    """

    DIVERGED = "diverged"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    NODE_LOST = "node_lost"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE = "device"
    STORAGE = "storage"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Execution:
    """Where an evaluation ran, and how.

    Attributes:
        device: the name of the GPU, or "cpu".
        forms: the forms in which each operator ran, by its name: "c", "triton" or a library for a kernel, "torch" for
            PyTorch. Only operators that have kernels are listed.
        parts: the number of parts in which each batch was computed.
        peak_bytes: the most bytes that tensors held on the GPU at one time; None on a CPU.
        quiet: whether no training went on beside the times that were measured in a quiet slot; None without such times.
    """

    device: str
    forms: dict[str, list[str]]
    parts: int
    peak_bytes: int | None = None
    quiet: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of one request. A failure is an outcome with a reason, never an exception.

    Attributes:
        metrics: values by the name of a `Metric`, standard errors under `<name>_stderr`. Empty after a failure.
        curve: (step, training loss in nats) pairs.
        seconds: wall time of the evaluation.
        weights: the trained weights in the store, in safetensors, after a training with all tokens of the budget.
        checkpoint: the state before the cool-down in the store, after a training with fewer tokens.
        seed: that of the request.
        tokens: the training tokens of the request.
        execution: where it ran, and how; None when its process did not live to tell.
    """

    candidate: int
    attempt: int
    metrics: dict[str, float] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    failure: Failure | None = None
    detail: str = ""
    seconds: float = 0.0
    weights: Artifact | None = None
    checkpoint: Artifact | None = None
    seed: int = 0
    tokens: int = 0
    execution: Execution | None = None

    @classmethod
    def of(cls, request: Request, **rest: Any) -> Self:
        """Return an outcome of this request; `rest` are the other attributes by name."""
        return cls(request.candidate, request.attempt, seed=request.seed, tokens=request.trained_tokens, **rest)


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
