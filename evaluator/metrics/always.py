"""The metrics that every candidate reports whatever its task: static costs, and times beside other work."""

from __future__ import annotations

from evaluator.metrics.metric import Format, Metric, MetricKind

PERPLEXITY = Metric(
    "perplexity",
    "Perplexity",
    MetricKind.TRAINED,
    "lower",
    description="of a score that is a cross-entropy: its base to the power of the score, for each byte, token or base",
)
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
