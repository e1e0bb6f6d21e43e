"""An evaluator whose workers are real processes, which a test kills."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from random import Random

from evaluator.evaluation import Evaluation, Failure, Request
from tests.search.twin import left_behind, trained

FORK = multiprocessing.get_context("fork")


class Processes:
    """Runs each request in a process of its own; a process that dies is a failure of its candidate.

    Args:
        capacity: processes at once.
        seconds: the time each of them takes at most.
        deadly: share of the processes that are killed at a random moment.
    """

    def __init__(self, capacity: int, seconds: float, deadly: float, seed: int) -> None:
        self.capacity = capacity
        self._seconds, self._deadly, self._random = seconds, deadly, Random(seed)
        self._running: list[tuple[Request, multiprocessing.process.BaseProcess, Connection]] = []

    @property
    def busy(self) -> int:
        return len(self._running)

    def submit(self, request: Request) -> None:
        here, there = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_work, args=(request, there, self._random.random() * self._seconds), daemon=True)
        process.start()
        there.close()
        if self._random.random() < self._deadly:
            killer = FORK.Process(target=_kill, args=(process.pid, self._random.random() * self._seconds), daemon=True)
            killer.start()
        self._running.append((request, process, here))

    def collect(self, timeout: float) -> list[Evaluation]:
        ready = multiprocessing.connection.wait([here for *_, here in self._running], timeout)
        ended = [one for one in self._running if one[2] in ready]
        self._running = [one for one in self._running if one[2] not in ready]
        return [self._received(*one) for one in ended]

    def close(self) -> None:
        for _, process, _ in self._running:
            process.kill()
        self._running = []

    def _received(self, request: Request, process: multiprocessing.process.BaseProcess, here: Connection) -> Evaluation:
        try:
            evaluation: Evaluation = here.recv()
        except EOFError:
            evaluation = Evaluation.of(request, failure=Failure.KILLED, detail="killed", seconds=1.0)
        here.close()
        process.join()
        return evaluation


def _work(request: Request, there: Connection, seconds: float) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    left = left_behind(request)
    time.sleep(seconds)
    there.send(Evaluation.of(request, metrics=trained(request), curve=((1, 5.0),), seconds=1.0, **left))


def _kill(pid: int, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(ProcessLookupError):  # it may have ended before
        os.kill(pid, signal.SIGKILL)
