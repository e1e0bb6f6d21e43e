"""What can go wrong with a candidate, and the outcome each becomes.

Exception
├── DivergenceError  the loss or a gradient is no longer a sane number
└── TimeLimitError   the budget's seconds are over
"""

from __future__ import annotations

from evaluator.evaluation import Evaluation, Failure, Request

DETAIL_CHARACTERS = 300

_NO_MEMORY_PHRASES = ("not enough memory", "can't allocate memory", "out of memory")
_DEVICE_PHRASES = ("cuda error", "hip error", "device-side assert", "cublas_status", "cudnn_status")


class DivergenceError(Exception):
    """Training left the finite numbers, or the loss rose above any sensible bound."""


class TimeLimitError(Exception):
    """The candidate has used up the seconds of its budget."""


def failed(request: Request, error: BaseException, seconds: float) -> Evaluation:
    """The outcome of a request that ended in this exception."""
    return outcome(request, kind(error), f"{type(error).__name__}: {error}", seconds)


def outcome(request: Request, failure: Failure, detail: str, seconds: float) -> Evaluation:
    """A failed evaluation; the detail becomes one line of bounded length."""
    line = " ".join(detail.split())
    if len(line) > DETAIL_CHARACTERS:
        line = line[: DETAIL_CHARACTERS - 3] + "..."
    return Evaluation(request.candidate, request.attempt, failure=failure, detail=line, seconds=seconds)


def kind(error: BaseException) -> Failure:
    """The failure that an exception is.

    Torch reports a full memory and a broken accelerator as a RuntimeError or a subclass of it, so the text decides.
    """
    if isinstance(error, DivergenceError):
        return Failure.DIVERGED
    if isinstance(error, TimeLimitError):
        return Failure.TIMED_OUT
    if isinstance(error, MemoryError) or _reports(error, _NO_MEMORY_PHRASES):
        return Failure.OUT_OF_MEMORY
    return Failure.DEVICE if _reports(error, _DEVICE_PHRASES) else Failure.RAISED


def _reports(error: BaseException, phrases: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in phrases)
