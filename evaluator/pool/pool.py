"""The evaluator on Ray, with one process for each worker, on one machine or several."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import ray
import ray.exceptions

from evaluator.evaluate import evaluate as evaluate_candidate
from evaluator.evaluation import Evaluation, Request
from evaluator.pool.allocator import fast
from evaluator.pool.seats import NoWorkerError, Process, Seat, lost, overdue, resolved
from evaluator.pool.worker import CANDIDATES, Reply, Worker

GRACE_SECONDS = 10.0
START_SECONDS = 180.0
START_POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0

FAILED_STARTS = 3
"""Processes in a row that ended while they started, after which the pool gives up."""


class RayEvaluator:
    """Evaluates on Ray actors, one for each worker.

    An actor is started when it is first needed. It is replaced when it dies or is killed, when it reports a failure
    that breaks its process, and after a set number of candidates. Ray neither restarts actors nor retries calls, so
    each request runs once. A request whose process does not start, because no CPU is free or its machine is lost,
    waits for another process; the pool gives up only when none starts at all. The caller initialises Ray and shuts it
    down. The GPUs of the Ray cluster, and the memory of each, are divided among the workers.

    Args:
        workers: number of processes, each with one candidate and one CPU.
        evaluate: function from a request to its evaluation; it is sent to each process once, when the process starts.
        memory_bytes: private memory that a worker may use, None for no limit (Linux). Without a limit, Ray kills the
            largest worker when the machine runs low on memory, which is OUT_OF_MEMORY too.
        candidates: candidates that a process evaluates before it is replaced.
        grace: seconds beyond its budget after which a candidate's process is killed.
        start_seconds: seconds that a process has to start before its request looks for another one.

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
        start_seconds: float = START_SECONDS,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        self._workers = workers
        self._evaluate = evaluate
        self._memory_bytes = memory_bytes
        self._candidates = candidates
        self._grace = grace
        self._start_seconds = start_seconds
        self._failed_starts = 0
        self._idle: list[Process] = []
        self._seats: list[Seat] = []

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
        self._seats.append(self._seated(request))

    def collect(self, timeout: float) -> list[Evaluation]:
        """Return the finished evaluations, waiting at most about `timeout` seconds for the first.

        Raises:
            NoWorkerError: no worker process starts.
        """
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

    def _seated(self, request: Request) -> Seat:
        process = self._idle_process() or self._new_process()
        now = time.monotonic()
        return Seat(process, request, process.actor.run.remote(request), now, now + self._start_seconds)

    def _new_process(self) -> Process:
        gpus = gpu_share(int(ray.cluster_resources().get("GPU", 0)), self._workers)
        options = {"num_gpus": gpus, "runtime_env": {"env_vars": fast(os.environ)}}
        actors = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, **options)(Worker)
        actor = actors.remote(self._evaluate, self._memory_bytes, self._candidates, gpus)
        return Process(actor, actor.ready.remote())

    def _idle_process(self) -> Process | None:
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
            if resolved(seat.result):
                evaluation = self._received(seat)
                kept += [] if evaluation else [self._seated(seat.request)]
                finished += [evaluation] if evaluation else []
            elif seat.started and time.monotonic() > seat.deadline:
                ray.kill(seat.process.actor)
                finished.append(overdue(seat))
            else:
                if not seat.started and seat.has_started():
                    self._failed_starts = 0
                    seat.started, seat.began = True, time.monotonic()
                    seat.deadline = seat.began + seat.request.budget.seconds + self._grace
                kept.append(seat)
        self._seats = kept
        if not finished:  # otherwise they are returned first
            self._require_starts()
        return finished

    def _received(self, seat: Seat) -> Evaluation | None:
        """Return the evaluation of a seat with a result, or None when its process ended before it had started."""
        try:
            reply: Reply = ray.get(seat.result)
        except ray.exceptions.RayError as error:
            evaluation = lost(seat, error) if seat.has_started() else None
            ray.kill(seat.process.actor)
            self._failed_starts += evaluation is None
            return evaluation
        if reply.usable:
            self._idle.append(seat.process)
        else:
            ray.kill(seat.process.actor)
        return reply.evaluation

    def _require_starts(self) -> None:
        """Let requests whose process is late wait on, or seat them on a process that has become idle.

        Raises:
            NoWorkerError: no process of this pool runs, and none starts.
        """
        if self._failed_starts >= FAILED_STARTS:
            raise NoWorkerError(f"{self._failed_starts} worker processes in a row ended while they started")
        late = [seat for seat in self._seats if not seat.started and time.monotonic() > seat.deadline]
        if late and not self._idle and not any(seat.started for seat in self._seats):
            raise NoWorkerError(
                f"no worker process started within {self._start_seconds:g} s; has the Ray cluster a free CPU for it?"
            )
        for seat in late:
            seat.deadline += self._start_seconds
            if self._idle:
                ray.kill(seat.process.actor)
                self._seats[self._seats.index(seat)] = self._seated(seat.request)


def gpu_share(gpus: int, workers: int) -> float:
    """Return the largest share of a GPU that every worker can have; a share lies on one GPU."""
    return 1 / math.ceil(workers / gpus) if gpus else 0.0
