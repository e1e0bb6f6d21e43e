"""Waiting for a database that is away, so that nothing in flight is lost while it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from search.archive.schema.engine import UNAVAILABLE
from search.run.faults import why_of

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Outage:
    """An error that repeats: it is logged when it begins and, with its count, when it ends or becomes another one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._why = ""
        self._count = 0

    def met(self, error: BaseException) -> None:
        """Learn that it happened once more."""
        why = why_of(error)
        if why != self._why:
            self.over()
            log.warning("%s: %s; it is tried again", self._what, why)
        self._why, self._count = why, self._count + 1

    def over(self) -> None:
        """Learn that it did not happen this time."""
        if self._count:
            log.warning("%s is over after %d tries: %s", self._what, self._count, self._why)
        self._why, self._count = "", 0


class Patience:
    """Repeats a call to the archive until the database answers, or until somebody stops the runner.

    A claim holds meanwhile as long as no other runner takes the job. If one did, the call raises LeaseLostError. The
    writes of an archive may be repeated although an answer was lost.

    Args:
        stop: set when the runner is to end.
        pause: seconds between two tries.
    """

    def __init__(self, stop: threading.Event, pause: float) -> None:
        self._stop = stop
        self._pause = pause
        self._outage = Outage("the database is away")

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns. Raises what it raises; an error of an absent database only after a stop."""
        while True:
            try:
                result = call(*args, **kwargs)
            except UNAVAILABLE as error:
                self._outage.met(error)
                if self._stop.wait(self._pause):
                    raise
            else:
                self._outage.over()
                return result
