"""The evaluator on Ray: one process per worker, on this machine or many."""

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
    """A worker actor; `ready` resolves once it has started."""

    actor: Any
    ready: Any


@dataclass
class _Seat:
    """A request under way.

    Attributes:
        result: resolves to the worker's `Reply`.
        began: since when its time runs, on the clock of `time.monotonic`: until its process has started
            that is the process's time to start.
        deadline: when the driver ends it.
    """

    process: _Process
    request: Request
    result: Any
    began: float
    deadline: float
    started: bool = False


class RayEvaluator:
    """Evaluates on Ray actors, started when first needed and replaced when they die, are killed or report a failure
    that breaks their process, and after a set number of candidates.

    Ray restarts and retries nothing by itself, so a request runs once; what became of it is known here.
    Ray must be initialised by the caller, who also shuts it down. The GPUs it knows are divided among the workers.

    Args:
        workers: processes, one candidate and one CPU each.
        evaluate: what each process does with a request; travels to it once, when it starts.
        memory_bytes: private memory a worker may use, None for no limit (Linux). Without it, a full machine is
            still noticed by Ray, which kills the largest worker: that too is OUT_OF_MEMORY.
        candidates: how many candidates a process evaluates before it is replaced.
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
        """Kill the workers and forget what was under way; does nothing when all is closed."""
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
        """One that still answers: a process that died between two candidates is no candidate's fault."""
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
        """Until a result is there, a deadline passes or a starting process deserves a look."""
        now = time.monotonic()
        looks = [now + START_POLL_SECONDS for seat in self._seats if not seat.started]
        until = min([until, *looks, *(seat.deadline for seat in self._seats)])
        ray.wait([seat.result for seat in self._seats], num_returns=1, timeout=max(0.0, until - now))

    def _finished(self) -> list[Evaluation]:
        """Empty the seats whose result is there or whose time is over."""
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
    """The largest share of a GPU that every worker can have; a share cannot be spread over two GPUs."""
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
    """The outcome when no reply came. Ray's own texts are pages long and name hosts, so ours stand for them."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return failed(seat.request, error.cause, _elapsed(seat))
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        detail = "the machine ran low on memory and Ray ended the worker process"
        return outcome(seat.request, Failure.OUT_OF_MEMORY, detail, _elapsed(seat))
    detail = f"the worker process was killed or crashed ({type(error).__name__})"
    return outcome(seat.request, Failure.KILLED, detail, _elapsed(seat))
