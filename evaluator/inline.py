"""The evaluator in the calling process, which evaluates one request at a time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from evaluator.evaluate import evaluate as evaluate_candidate
from evaluator.evaluation import Evaluation, Request
from evaluator.failure import TimeLimitError, failed

GRACE_SECONDS = 1.0
"""Seconds beyond its budget after which a candidate that still runs is interrupted."""


class InlineEvaluator:
    """Keeps a submitted request and evaluates it in `collect`, which therefore takes as long as the candidate.

    A candidate that hangs in Python is interrupted if `collect` runs in the main thread, which receives alarms. In
    other threads only the time limit of the training loop applies. The process is not protected from a candidate that
    uses all memory; `RayEvaluator` gives this protection.
    """

    def __init__(self, evaluate: Callable[[Request], Evaluation] = evaluate_candidate) -> None:
        self._evaluate = evaluate
        self._waiting: list[Request] = []

    @property
    def capacity(self) -> int:
        return 1

    @property
    def busy(self) -> int:
        return len(self._waiting)

    def submit(self, request: Request) -> None:
        if self._waiting:
            raise RuntimeError(f"candidate {self._waiting[0].candidate} is still under way and the capacity is 1")
        self._waiting.append(request)

    def collect(self, timeout: float) -> list[Evaluation]:
        finished = [self._evaluated(request) for request in self._waiting]
        self._waiting.clear()
        return finished

    def close(self) -> None:
        self._waiting.clear()

    def _evaluated(self, request: Request) -> Evaluation:
        began = time.monotonic()
        try:
            with _alarm(request.budget.seconds + GRACE_SECONDS):
                return self._evaluate(request)
        except Exception as error:
            return failed(request, error, time.monotonic() - began)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the block after this many seconds; an alarm that was already set continues afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise TimeLimitError(f"still running after {seconds:g} s and interrupted")

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, interrupt)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if delay:
            remaining = max(delay - (time.monotonic() - began), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, remaining, interval)
