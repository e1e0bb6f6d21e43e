"""The numbers that an evaluation reports of a candidate; `docs/objectives.md` is written from their tables.

A task declares the metric of its own score (see `evaluator.tasks`). The metrics here exist for every task.
"""

from evaluator.metrics.always import (
    CACHE_BYTES,
    COSTS,
    DECODE_MS,
    FLOPS_PER_TOKEN,
    LEARNING_RATE,
    PARAMETERS,
    PARAMETERS_WITHOUT_EMBEDDING,
    PERPLEXITY,
    STATE_BYTES,
    TRAIN_SECONDS,
)
from evaluator.metrics.metric import STDERR_SUFFIX, Direction, Format, Metric, MetricKind
from evaluator.metrics.on_request import (
    DECODE_P50_MS,
    DECODE_P95_MS,
    DECODE_PEAK_BYTES,
    EFFECTIVE_STATE,
    GRADIENT_NORM,
    GRADSIGN,
    ON_REQUEST,
    PREFILL_MS,
    SYNFLOW,
    TRAIN_PEAK_BYTES,
)

STATIC = frozenset(metric.name for metric in COSTS if metric.kind is MetricKind.STATIC)
"""The names of the metrics that are exact before a genome is trained."""

MEASURED = frozenset(metric.name for metric in (*COSTS, *ON_REQUEST) if metric.kind is MetricKind.MEASURED)
"""The names of the metrics that the machine gives, and that two trainings of a genome do not share."""

__all__ = [
    "CACHE_BYTES",
    "COSTS",
    "DECODE_MS",
    "DECODE_P50_MS",
    "DECODE_P95_MS",
    "DECODE_PEAK_BYTES",
    "EFFECTIVE_STATE",
    "FLOPS_PER_TOKEN",
    "GRADIENT_NORM",
    "GRADSIGN",
    "LEARNING_RATE",
    "MEASURED",
    "ON_REQUEST",
    "PARAMETERS",
    "PARAMETERS_WITHOUT_EMBEDDING",
    "PERPLEXITY",
    "PREFILL_MS",
    "STATE_BYTES",
    "STATIC",
    "STDERR_SUFFIX",
    "SYNFLOW",
    "TRAIN_PEAK_BYTES",
    "TRAIN_SECONDS",
    "Direction",
    "Format",
    "Metric",
    "MetricKind",
]
