"""What can go wrong with a candidate, and the outcome each becomes.

Exception
├── DivergenceError  the loss or a gradient is no longer a sane number
└── TimeLimitError   the budget's seconds are over
"""

from __future__ import annotations

from evaluator.evaluation import Evaluation, Failure, Request

DETAIL_CHARACTERS = 300

_SAYS_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


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
    """Which failure an exception is. Torch reports a full memory as a RuntimeError, on CUDA as a subclass of it."""
    if isinstance(error, DivergenceError):
        return Failure.DIVERGED
    if isinstance(error, TimeLimitError):
        return Failure.TIMED_OUT
    text = str(error).lower()
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(phrase in text for phrase in _SAYS_NO_MEMORY)
    ):
        return Failure.OUT_OF_MEMORY
    return Failure.RAISED
