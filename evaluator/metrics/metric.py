"""A metric: a number that an evaluation reports of a candidate, how it is obtained and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STDERR_SUFFIX = "_stderr"
"""The standard error of a metric is stored under the metric's name followed by this suffix."""


class MetricKind(StrEnum):
    """How a metric is obtained.

    `STATIC`: counted from the genome. `TRAINED`: scored after training. `MEASURED`: on the machine. `DIAGNOSTIC`: how a
    trained candidate works, which may have limits but is no objective. `SIGNAL`: of the fresh model; nothing may depend
    on it.
    """

    STATIC = "static"
    TRAINED = "trained"
    MEASURED = "measured"
    DIAGNOSTIC = "diagnostic"
    SIGNAL = "signal"


class Direction(StrEnum):
    """The better end of a metric, if it has one.

    Objectives and the hypervolume minimise. A task whose score grows with quality therefore reports the error instead:
    every part of a search, of the API and of the pages then compares values in one way, without turning them back.
    """

    MINIMISE = "minimise"
    NONE = "none"


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
        better: the comparative that describes a better value, such as "fewer"; empty where no end is better.
        unit: the symbol written after a value; empty when the label names it or it has none.
        base: the base of the logarithm, of a score that is a mean cross-entropy; its perplexity is then reported too.
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
    base: float | None = None
    description: str = ""
    on_request: bool = False

    @property
    def objective(self) -> bool:
        """Whether a search may minimise it."""
        return self.kind in (MetricKind.STATIC, MetricKind.TRAINED, MetricKind.MEASURED)

    @property
    def limited(self) -> bool:
        """Whether a constraint may limit it."""
        return self.kind is not MetricKind.SIGNAL
