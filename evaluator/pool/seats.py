"""A request on a worker process, and the outcome of one that came to no result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
import ray.exceptions

from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.failure import failed, outcome

SETTLE_SECONDS = 10.0
"""Seconds in which Ray finds out that a process which does not answer has died, if its machine lives."""

SETTLE_POLL_SECONDS = 0.2


class NoWorkerError(Exception):
    """No worker process starts, so nothing can be evaluated. No request is to blame."""


class Process(NamedTuple):
    """A worker actor, and a reference `ready` that resolves to its node once the actor has started."""

    actor: Any
    ready: Any


@dataclass
class Seat:
    """A request that is being evaluated.

    Attributes:
        result: reference that resolves to the worker's `Reply`.
        began: start of its time on the clock of `time.monotonic`. Until its process has started, the time is that of
            the process's start.
        deadline: time on the same clock at which its process is killed or, if it has not started, looked after.
    """

    process: Process
    request: Request
    result: Any
    began: float
    deadline: float
    started: bool = False

    def has_started(self) -> bool:
        """Return whether its process has ever started."""
        return self.node() is not None

    def node(self) -> str | None:
        """Return the id of the node of its process, or None when the process has not started."""
        if not resolved(self.process.ready):
            return None
        try:
            node: str = ray.get(self.process.ready)
        except ray.exceptions.RayError:
            return None
        return node

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


def resolved(reference: Any) -> bool:
    """Return whether a reference has a value or an error."""
    return bool(ray.wait([reference], timeout=0)[0])


def overdue(seat: Seat) -> Evaluation:
    """Return the outcome of a request whose time is over."""
    detail = f"still running after {seat.elapsed:.1f} s and killed; its budget is {seat.request.budget.seconds:g} s"
    return outcome(seat.request, Failure.TIMED_OUT, detail, seat.elapsed)


def lost(seat: Seat, error: ray.exceptions.RayError) -> Evaluation:
    """Return the outcome of a request without a reply; its text is ours, because Ray's fill pages and name hosts."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return failed(seat.request, error.cause, seat.elapsed)
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        detail = "the machine ran low on memory and Ray ended the worker process"
        return outcome(seat.request, Failure.OUT_OF_MEMORY, detail, seat.elapsed)
    if _node_lost(seat, error):
        detail = "the machine of the worker process was lost or does not answer"
        return outcome(seat.request, Failure.NODE_LOST, detail, seat.elapsed)
    detail = f"the worker process was killed or crashed ({type(error).__name__})"
    return outcome(seat.request, Failure.KILLED, detail, seat.elapsed)


def _node_lost(seat: Seat, error: ray.exceptions.RayError) -> bool:
    """Return whether a process was lost with its machine, as it also is when Ray cannot find out what became of it."""
    until, node = time.monotonic() + SETTLE_SECONDS, seat.node()
    while _alive(node) and time.monotonic() < until:
        if not isinstance(error, ray.exceptions.ActorUnavailableError):
            return False
        try:
            ray.get(seat.process.actor.ready.remote(), timeout=SETTLE_SECONDS)
        except ray.exceptions.RayError as later:
            error = later
        time.sleep(SETTLE_POLL_SECONDS)
    return True


def _alive(node: str | None) -> bool:
    return any(one["NodeID"] == node and one["Alive"] for one in ray.nodes())
