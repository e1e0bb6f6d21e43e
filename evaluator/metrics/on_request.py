"""The metrics that a candidate reports only where a plan asks for them, because they cost time of their own."""

from __future__ import annotations

from evaluator.metrics.metric import Direction, Format, Metric, MetricKind

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

EFFECTIVE_STATE = Metric(
    "effective_state",
    "Effective state size",
    MetricKind.DIAGNOSTIC,
    "",
    direction=Direction.NONE,
    description="state that an operator uses for one head or channel: the entropy-ESS, mean over operators",
    on_request=True,
)


def _signal(name: str, label: str, description: str) -> Metric:
    return Metric(
        name, label, MetricKind.SIGNAL, "", direction=Direction.NONE, description=description, on_request=True
    )


GRADIENT_NORM = _signal("gradient_norm", "Gradient norm", "sum of the norms of all weights' gradients on one batch")
SYNFLOW = _signal(
    "synflow", "SynFlow", "sum of parameter times gradient of the summed outputs, all parameters positive"
)
GRADSIGN = _signal(
    "gradsign", "GradSign", "agreement in sign of the gradients of up to 16 sequences, over all parameters"
)

ON_REQUEST = (
    PREFILL_MS,
    DECODE_P50_MS,
    DECODE_P95_MS,
    DECODE_PEAK_BYTES,
    TRAIN_PEAK_BYTES,
    EFFECTIVE_STATE,
    GRADIENT_NORM,
    SYNFLOW,
    GRADSIGN,
)
"""Reported of the candidates of a plan that names them as an objective, in a constraint or in `measure`."""
