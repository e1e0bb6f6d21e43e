"""The exceptions of an evaluation, and the failed evaluation that each leads to.

Exception
├── ArtifactError              the store of artifacts cannot be written or read (see `evaluator.artifacts`)
│   └── DamagedArtifactError   an artifact is missing or damaged
├── DivergenceError            the loss or a gradient is not finite, or the loss is too large
└── TimeLimitError             the seconds of the budget are used up
"""

from __future__ import annotations

from evaluator.artifacts import ArtifactError, DamagedArtifactError
from evaluator.evaluation import Evaluation, Failure, Request

DETAIL_CHARACTERS = 300

_NO_MEMORY_PHRASES = ("not enough memory", "can't allocate memory", "out of memory")
_DEVICE_PHRASES = ("cuda error", "hip error", "device-side assert", "cublas_status", "cudnn_status")


class DivergenceError(Exception):
    """A loss, gradient or score is not finite, or the loss is above its bound."""


class TimeLimitError(Exception):
    """The candidate has used up the seconds of its budget."""


def failed(request: Request, error: BaseException, seconds: float) -> Evaluation:
    """Return the failed evaluation of a request that ended in this exception."""
    return outcome(request, kind(error), f"{type(error).__name__}: {error}", seconds)


def outcome(request: Request, failure: Failure, detail: str, seconds: float) -> Evaluation:
    """Return a failed evaluation; its detail is cut to one line of at most `DETAIL_CHARACTERS` characters."""
    line = " ".join(detail.split())
    if len(line) > DETAIL_CHARACTERS:
        line = line[: DETAIL_CHARACTERS - 3] + "..."
    return Evaluation.of(request, failure=failure, detail=line, seconds=seconds)


def kind(error: BaseException) -> Failure:
    """Return the kind of failure of an exception.

    Torch raises RuntimeError or a subclass for full memory and for a broken accelerator, so their text is searched.
    """
    if isinstance(error, DivergenceError):
        return Failure.DIVERGED
    if isinstance(error, TimeLimitError):
        return Failure.TIMED_OUT
    if isinstance(error, DamagedArtifactError):
        return Failure.DAMAGED
    if isinstance(error, ArtifactError):
        return Failure.STORAGE
    if isinstance(error, MemoryError) or _reports(error, _NO_MEMORY_PHRASES):
        return Failure.OUT_OF_MEMORY
    return Failure.DEVICE if _reports(error, _DEVICE_PHRASES) else Failure.RAISED


def _reports(error: BaseException, phrases: tuple[str, ...]) -> bool:
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in phrases)
