"""Metrics: the numbers an evaluation reports of a candidate, how each is obtained and how it is written.

A task declares the metric of its own score (see `evaluator.tasks`). The metrics here exist for every task.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STDERR_SUFFIX = "_stderr"
"""The standard error of a metric is stored under the metric's name followed by this suffix."""


class MetricKind(StrEnum):
    """How a metric is obtained: counted from the genome, scored after training, or timed on the machine.

    Times may be measured while other workers train, so they depend on the load of the machine; no preset minimises one.
    """

    STATIC = "static"
    TRAINED = "trained"
    MEASURED = "measured"


class Direction(StrEnum):
    """The better end of a metric.

    Objectives, limits (`at_most`) and the hypervolume all minimise. A task whose score grows with quality
    therefore reports the error instead.
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
    """

    name: str
    label: str
    kind: MetricKind
    better: str
    unit: str = ""
    format: Format = Format.NUMBER
    direction: Direction = Direction.MINIMISE


PARAMETERS = Metric("parameters", "Parameters", MetricKind.STATIC, "fewer", format=Format.SCALED)
CACHE_BYTES = Metric("cache_bytes", "Cache", MetricKind.STATIC, "smaller", "B", Format.SCALED)
DECODE_MS = Metric("decode_ms", "Decode time", MetricKind.MEASURED, "faster", "ms")
TRAIN_SECONDS = Metric("train_seconds", "Training time", MetricKind.MEASURED, "shorter", "s", Format.DURATION)
FLOPS_PER_TOKEN = Metric("flops_per_token", "FLOPs per token", MetricKind.STATIC, "fewer", format=Format.SCALED)

LEARNING_RATE = Metric("learning_rate", "Learning rate", MetricKind.TRAINED, "lower")
"""The best of the learning rates that a candidate tried, where a plan names several; no objective."""

COSTS = (PARAMETERS, CACHE_BYTES, FLOPS_PER_TOKEN, DECODE_MS, TRAIN_SECONDS)
"""Reported of every candidate whatever its task, and therefore possible objectives of every plan."""

STATIC = frozenset(metric.name for metric in COSTS if metric.kind is MetricKind.STATIC)
"""The names of the metrics that are exact before a genome is trained."""

MEASURED = frozenset(metric.name for metric in COSTS if metric.kind is MetricKind.MEASURED)
"""The names of the metrics that a clock gives, and that two trainings of a genome do not share."""
