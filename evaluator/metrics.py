"""Metrics: the numbers an evaluation reports of a candidate, how each is obtained and how it is written.

A task declares the metric of its own score (see `evaluator.tasks`). The metrics here exist for every task.
`docs/objectives.md` is written from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STDERR_SUFFIX = "_stderr"
"""The standard error of a metric is stored under the metric's name followed by this suffix."""


class MetricKind(StrEnum):
    """How a metric is obtained.

    `STATIC`: counted from the genome. `TRAINED`: scored after training. `MEASURED`: on the machine.
    """

    STATIC = "static"
    TRAINED = "trained"
    MEASURED = "measured"


class Direction(StrEnum):
    """The better end of a metric.

    Objectives and the hypervolume minimise. A task whose score grows with quality therefore reports the error instead:
    every part of a search, of the API and of the pages then compares values in one way, without turning them back.
    """

    MINIMISE = "minimise"


class Format(StrEnum):
    """How a value is written: plainly, as a percentage of one, with an SI prefix, or as hours, minutes and seconds."""

    NUMBER = "number"
    SHARE = "share"
    SCALED = "scaled"
    DURATION = "duration"


@dataclass(frozen=True)
class Metric:
    """A number reported of a candidate.

    Attributes:
        name: the key in plans, evaluations and the API.
        label: the name for people.
        better: the comparative that describes a better value, such as "fewer".
        unit: the symbol written after a value; empty when the label names it or it has none.
        description: what is counted or measured, in one clause.
        on_request: whether it is reported only where a plan asks for it.
    """

    name: str
    label: str
    kind: MetricKind
    better: str
    unit: str = ""
    format: Format = Format.NUMBER
    direction: Direction = Direction.MINIMISE
    description: str = ""
    on_request: bool = False


PARAMETERS = Metric(
    "parameters",
    "Parameters",
    MetricKind.STATIC,
    "fewer",
    format=Format.SCALED,
    description="all parameters; a shared one counts once",
)
PARAMETERS_WITHOUT_EMBEDDING = Metric(
    "parameters_without_embedding",
    "Parameters without embedding",
    MetricKind.STATIC,
    "fewer",
    format=Format.SCALED,
    description="the same without embedding and head",
)
CACHE_BYTES = Metric(
    "cache_bytes",
    "Cache",
    MetricKind.STATIC,
    "smaller",
    "B",
    Format.SCALED,
    description="all that is kept between tokens after `context` tokens, for one sequence, with 2 bytes an element",
)
STATE_BYTES = Metric(
    "state_bytes",
    "Fixed state",
    MetricKind.STATIC,
    "smaller",
    "B",
    Format.SCALED,
    description="the part of the cache that does not grow with the tokens, once every window and filter is full",
)
FLOPS_PER_TOKEN = Metric(
    "flops_per_token",
    "FLOPs per token",
    MetricKind.STATIC,
    "fewer",
    format=Format.SCALED,
    description="to decode one token after `context` tokens; a multiply-add counts as two",
)
DECODE_MS = Metric(
    "decode_ms",
    "Decode time",
    MetricKind.MEASURED,
    "faster",
    "ms",
    description="median time to decode a token after a prompt of `budget.length` tokens, while others may train",
)
TRAIN_SECONDS = Metric(
    "train_seconds",
    "Training time",
    MetricKind.MEASURED,
    "shorter",
    "s",
    Format.DURATION,
    description="wall time of all training steps, while others may train",
)

LEARNING_RATE = Metric("learning_rate", "Learning rate", MetricKind.TRAINED, "lower")
"""The best of the learning rates that a candidate tried, where a plan names several; no objective."""

COSTS = (
    PARAMETERS,
    PARAMETERS_WITHOUT_EMBEDDING,
    CACHE_BYTES,
    STATE_BYTES,
    FLOPS_PER_TOKEN,
    DECODE_MS,
    TRAIN_SECONDS,
)
"""Reported of every candidate whatever its task, and therefore possible objectives of every plan."""

PREFILL_MS = Metric(
    "prefill_ms",
    "Prefill time",
    MetricKind.MEASURED,
    "faster",
    "ms",
    description="median time to read a prompt of `context` tokens, in a quiet slot",
    on_request=True,
)
DECODE_P50_MS = Metric(
    "decode_p50_ms",
    "Decode time, median",
    MetricKind.MEASURED,
    "faster",
    "ms",
    description="median time to decode a token after `context` tokens, in a quiet slot",
    on_request=True,
)
DECODE_P95_MS = Metric(
    "decode_p95_ms",
    "Decode time, 95th percentile",
    MetricKind.MEASURED,
    "faster",
    "ms",
    description="time that 95 % of the tokens after `context` tokens need at most, in a quiet slot",
    on_request=True,
)
DECODE_PEAK_BYTES = Metric(
    "decode_peak_bytes",
    "Peak memory of decoding",
    MetricKind.MEASURED,
    "smaller",
    "B",
    Format.SCALED,
    description="most memory of weights, cache and the rest while a prompt of `context` tokens is read and continued",
    on_request=True,
)
TRAIN_PEAK_BYTES = Metric(
    "train_peak_bytes",
    "Peak memory of training",
    MetricKind.MEASURED,
    "smaller",
    "B",
    Format.SCALED,
    description="most memory of weights, gradients, moments and the rest in two training steps",
    on_request=True,
)

ON_REQUEST = (PREFILL_MS, DECODE_P50_MS, DECODE_P95_MS, DECODE_PEAK_BYTES, TRAIN_PEAK_BYTES)
"""Reported of the candidates of a plan that names them as an objective, in a constraint or in `measure`."""

STATIC = frozenset(metric.name for metric in COSTS if metric.kind is MetricKind.STATIC)
"""The names of the metrics that are exact before a genome is trained."""

MEASURED = frozenset(metric.name for metric in (*COSTS, *ON_REQUEST) if metric.kind is MetricKind.MEASURED)
"""The names of the metrics that the machine gives, and that two trainings of a genome do not share."""
