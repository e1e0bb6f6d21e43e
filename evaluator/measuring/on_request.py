"""The metrics of a trained candidate that its request asks for beyond those that every evaluation reports."""

from __future__ import annotations

from typing import NamedTuple

from evaluator.measuring.diagnostics import effective_state
from evaluator.measuring.memory import WORKS, peak_bytes
from evaluator.measuring.subject import Subject
from evaluator.measuring.times import TIMES, times
from evaluator.metrics import EFFECTIVE_STATE, STDERR_SUFFIX

DIAGNOSTICS = {EFFECTIVE_STATE.name: effective_state}


class OnRequest(NamedTuple):
    """The metrics that were asked for, with standard errors where there are any, and whether times were quiet."""

    metrics: dict[str, float]
    quiet: bool | None


def on_request(subject: Subject) -> OnRequest:
    """Measure what the request of a candidate asks for.

    Raises:
        TimeLimitError: the deadline passed.
        MemoryError: memory is full.
        RuntimeError: something cannot be measured; the message says what.
    """
    asked, metrics, quiet = subject.request.asked, dict[str, float](), None
    if not TIMES.isdisjoint(asked):
        measured = times(subject)
        quiet = measured.quiet
        for name, found in measured.times.items():
            metrics |= {name: found.value, name + STDERR_SUFFIX: found.stderr}
    metrics |= {name: peak_bytes(subject, name) for name in asked if name in WORKS}
    metrics |= {name: DIAGNOSTICS[name](subject) for name in asked if name in DIAGNOSTICS}
    return OnRequest(metrics, quiet)
