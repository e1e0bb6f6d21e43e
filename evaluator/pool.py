"""The evaluator on Ray, with one process for each worker, on one machine or several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
import ray.exceptions

from evaluator.evaluate import evaluate as evaluate_candidate
from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.failure import failed, outcome
from evaluator.worker import CANDIDATES, Reply, Worker

GRACE_SECONDS = 10.0
START_SECONDS = 180.0
START_POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0


class _Process(NamedTuple):
    """A worker actor, and a reference `ready` that resolves once the actor has started."""

    actor: Any
    ready: Any


@dataclass
class _Seat:
    """A request that is being evaluated.

    Attributes:
        result: reference that resolves to the worker's `Reply`.
        began: start of its time on the clock of `time.monotonic`. Until its process has started, the time is that of
            the process's start.
        deadline: time on the same clock at which its process is killed.
    """

    process: _Process
    request: Request
    result: Any
    began: float
    deadline: float
    started: bool = False


class RayEvaluator:
    """Evaluates on Ray actors, one for each worker.

    An actor is started when it is first needed. It is replaced when it dies or is killed, when it reports a failure
    that breaks its process, and after a set number of candidates. Ray neither restarts actors nor retries calls, so
    each request runs once. The caller initialises Ray and shuts it down. The GPUs of the Ray cluster are divided among
    the workers.

    Args:
        workers: number of processes, each with one candidate and one CPU.
        evaluate: function from a request to its evaluation; it is sent to each process once, when the process starts.
        memory_bytes: private memory that a worker may use, None for no limit (Linux). Without a limit, Ray kills the
            largest worker when the machine runs low on memory, which is OUT_OF_MEMORY too.
        candidates: candidates that a process evaluates before it is replaced.
        grace: seconds beyond its budget after which a candidate's process is killed.

    Raises:
        ValueError: `workers` is below 1.
    """

    def __init__(
        self,
        workers: int,
        evaluate: Callable[[Request], Evaluation] = evaluate_candidate,
        *,
        memory_bytes: int | None = None,
        candidates: int = CANDIDATES,
        grace: float = GRACE_SECONDS,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        self._workers = workers
        self._evaluate = evaluate
        self._memory_bytes = memory_bytes
        self._candidates = candidates
        self._grace = grace
        self._idle: list[_Process] = []
        self._seats: list[_Seat] = []

    @property
    def capacity(self) -> int:
        return self._workers

    @property
    def busy(self) -> int:
        return len(self._seats)

    def submit(self, request: Request) -> None:
        """Begin one request.

        Raises:
            RuntimeError: `busy == capacity`, or Ray is not initialised.
        """
        if self.busy == self.capacity:
            raise RuntimeError(f"candidate {request.candidate} must wait: all {self.capacity} workers are busy")
        if not ray.is_initialized():
            raise RuntimeError("Ray is not initialised: call ray.init() before submitting, or use InlineEvaluator")
        process = self._idle_process() or self._new_process()
        now = time.monotonic()
        self._seats.append(_Seat(process, request, process.actor.run.remote(request), now, now + START_SECONDS))

    def collect(self, timeout: float) -> list[Evaluation]:
        until = time.monotonic() + timeout
        finished = self._finished()
        while self._seats and not finished and time.monotonic() < until:
            self._wait(until)
            finished = self._finished()
        return finished

    def close(self) -> None:
        """Kill the workers and discard the requests in progress; a second call does nothing."""
        processes = self._idle + [seat.process for seat in self._seats]
        self._idle, self._seats = [], []
        if ray.is_initialized():
            for process in processes:
                ray.kill(process.actor)

    def _new_process(self) -> _Process:
        gpus = gpu_share(int(ray.cluster_resources().get("GPU", 0)), self._workers)
        actors = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(Worker)
        actor = actors.remote(self._evaluate, self._memory_bytes, self._candidates)
        return _Process(actor, actor.ready.remote())

    def _idle_process(self) -> _Process | None:
        """Return an idle process that still answers, or None; a process that died while idle fails no candidate."""
        while self._idle:
            process = self._idle.pop()
            try:
                ray.get(process.actor.ready.remote(), timeout=ANSWER_SECONDS)
            except ray.exceptions.RayError:
                ray.kill(process.actor)
            else:
                return process
        return None

    def _wait(self, until: float) -> None:
        """Wait for a result, for the next deadline or, while a process starts, for `START_POLL_SECONDS`."""
        now = time.monotonic()
        looks = [now + START_POLL_SECONDS for seat in self._seats if not seat.started]
        until = min([until, *looks, *(seat.deadline for seat in self._seats)])
        ray.wait([seat.result for seat in self._seats], num_returns=1, timeout=max(0.0, until - now))

    def _finished(self) -> list[Evaluation]:
        """Remove the seats that have a result or are past their deadline, and return their evaluations."""
        finished, kept = [], []
        for seat in self._seats:
            if _resolved(seat.result):
                finished.append(self._received(seat))
            elif time.monotonic() > seat.deadline:
                ray.kill(seat.process.actor)
                finished.append(_overdue(seat))
            else:
                if not seat.started and _resolved(seat.process.ready):
                    seat.started, seat.began = True, time.monotonic()
                    seat.deadline = seat.began + seat.request.budget.seconds + self._grace
                kept.append(seat)
        self._seats = kept
        return finished

    def _received(self, seat: _Seat) -> Evaluation:
        try:
            reply: Reply = ray.get(seat.result)
        except ray.exceptions.RayError as error:
            ray.kill(seat.process.actor)
            return _lost(seat, error)
        if reply.usable:
            self._idle.append(seat.process)
        else:
            ray.kill(seat.process.actor)
        return reply.evaluation


def gpu_share(gpus: int, workers: int) -> float:
    """Return the largest share of a GPU that every worker can have; a share lies on one GPU."""
    return 1 / math.ceil(workers / gpus) if gpus else 0.0


def _resolved(reference: Any) -> bool:
    return bool(ray.wait([reference], timeout=0)[0])


def _elapsed(seat: _Seat) -> float:
    return time.monotonic() - seat.began


def _overdue(seat: _Seat) -> Evaluation:
    if seat.started:
        detail = (
            f"still running after {_elapsed(seat):.1f} s and killed; its budget is {seat.request.budget.seconds:g} s"
        )
        return outcome(seat.request, Failure.TIMED_OUT, detail, _elapsed(seat))
    detail = f"no worker process started within {START_SECONDS:g} s; has the Ray cluster a free CPU for every worker?"
    return outcome(seat.request, Failure.KILLED, detail, _elapsed(seat))


def _lost(seat: _Seat, error: ray.exceptions.RayError) -> Evaluation:
    """Return the outcome of a request without a reply; its text is ours, because Ray's fill pages and name hosts."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return failed(seat.request, error.cause, _elapsed(seat))
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        detail = "the machine ran low on memory and Ray ended the worker process"
        return outcome(seat.request, Failure.OUT_OF_MEMORY, detail, _elapsed(seat))
    detail = f"the worker process was killed or crashed ({type(error).__name__})"
    return outcome(seat.request, Failure.KILLED, detail, _elapsed(seat))
