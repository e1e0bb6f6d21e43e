"""What goes into an evaluator and what comes out: plain values, and the protocol both evaluators keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from genome import Shape


class Value(BaseModel):
    """A frozen description: unknown fields are refused, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(StrEnum):
    """What is known of a candidate once it is evaluated. All are better when smaller."""

    BITS_PER_BYTE = "bits_per_byte"
    RECALL_ERROR = "recall_error"
    PARAMETERS = "parameters"
    CACHE_BYTES = "cache_bytes"
    DECODE_MS = "decode_ms"
    TRAIN_SECONDS = "train_seconds"


STDERR_SUFFIX = "_stderr"
"""A measured metric's standard error is stored under its name with this suffix."""


class TextTask(Value):
    """Byte-level language modelling on real files; quality is validation loss in bits per byte."""

    kind: Literal["text"] = "text"
    corpus: str = Field(
        default="stdlib",
        min_length=1,
        max_length=4096,
        description="`stdlib` (the interpreter's own library source) or a directory the operator has allowed",
    )

    @property
    def vocab(self) -> int:
        return 256

    @property
    def quality(self) -> Metric:
        return Metric.BITS_PER_BYTE


class RecallTask(Value):
    """Multi-query associative recall (Zoology): quality is the share of queries answered wrongly."""

    kind: Literal["recall"] = "recall"
    symbols: int = Field(default=64, ge=8, le=65536, multiple_of=2, description="vocabulary: half keys, half values")
    pairs: int = Field(default=8, ge=1, le=4096, description="key-value pairs in a sequence")

    @property
    def vocab(self) -> int:
        return self.symbols

    @property
    def quality(self) -> Metric:
        return Metric.RECALL_ERROR


Task = Annotated[TextTask | RecallTask, Field(discriminator="kind")]


class Budget(Value):
    """How long and how each candidate is trained (AdamW, linear warm-up, cosine)."""

    steps: int = Field(default=200, ge=1, le=10_000_000)
    batch: int = Field(default=16, ge=1, le=65536, description="sequences a step")
    length: int = Field(default=128, ge=2, le=1_048_576, description="tokens a sequence")
    learning_rate: FiniteFloat = Field(default=3e-3, gt=0, le=1)
    weight_decay: FiniteFloat = Field(default=0.1, ge=0, le=1)
    warmup: int = Field(default=20, ge=0, le=10_000_000, description="steps of linear warm-up")
    clip: FiniteFloat = Field(default=1.0, gt=0, le=1e6, description="largest gradient norm")
    validation: int = Field(default=128, ge=2, le=1_000_000, description="validation sequences")
    seconds: FiniteFloat = Field(default=300.0, gt=0, le=1e7, description="time limit for one candidate")


@dataclass(frozen=True)
class Request:
    """One candidate to evaluate. `attempt` comes back with the result and fences off stale ones."""

    candidate: int
    attempt: int
    genome: str
    space: dict[str, Any]
    shape: Shape
    task: TextTask | RecallTask
    budget: Budget
    context: int = 4096
    seed: int = 0


class Failure(StrEnum):
    """Why a candidate has no metrics. `DEVICE`: the accelerator reported an error of its own, such as a CUDA error."""

    DIVERGED = "diverged"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE = "device"


@dataclass(frozen=True)
class Evaluation:
    """What became of one request. A failure is an outcome with its reason, never an exception.

    Attributes:
        metrics: by `Metric` value; standard errors under `<metric>_stderr`. Empty when it failed.
        curve: (step, training loss in nats) pairs.
        weights: the trained weights as safetensors bytes, or None when it failed.
        seconds: wall time the evaluation took.
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

    Every submitted request comes back from `collect` exactly once, with its `candidate` and `attempt`, unless
    `close` abandons it. Whatever its evaluation does (raise, hang, die) is an `Evaluation` with a failure, and
    the evaluator goes on. After `close` it is empty and may be used again.
    """

    @property
    def capacity(self) -> int:
        """How many requests can be under way at once."""
        ...

    @property
    def busy(self) -> int:
        """How many requests are under way or wait to be collected."""
        ...

    def submit(self, request: Request) -> None:
        """Begin one request. Raises RuntimeError when `busy == capacity`."""
        ...

    def collect(self, timeout: float) -> list[Evaluation]:
        """What has finished, waiting at most about `timeout` seconds for the first."""
        ...

    def close(self) -> None:
        """Abandon what is under way and give back every process."""
        ...
