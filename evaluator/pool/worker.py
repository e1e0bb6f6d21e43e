"""The worker in each process of the pool, which evaluates one candidate after another under a memory limit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

import ray
import torch

from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.failure import failed, outcome

POLL_SECONDS = 0.05
EXIT_SECONDS = 0.25
"""Seconds that a process lives on after it has reported a candidate over its memory limit."""

CANDIDATES = 100
"""Candidates that one process evaluates before it is replaced, so that a memory leak stays bounded."""

BREAKING = frozenset({Failure.DEVICE, Failure.OUT_OF_MEMORY})
"""Failures after which a process is replaced: its device context is broken, or its memory is fragmented."""


GPU_MEMORY = 0.95
"""Share of a GPU's memory for the tensors of all its workers; the rest is for the CUDA context of each process."""


class Reply(NamedTuple):
    """An evaluation, and whether the process that made it can evaluate another candidate."""

    evaluation: Evaluation
    usable: bool


class Worker:
    """Evaluates candidates on one thread.

    With a memory limit, the candidate runs on a thread of its own and the calling thread polls the memory in use.
    Above the limit it reports the candidate and ends the process, which is the only sure way to stop an allocation and
    to free all memory. A limit on the address space does not work, because torch reserves far more than it uses.

    A worker that has a share of a GPU has the same share of its memory. A candidate that needs more computes batches
    in more parts, and takes nothing from the others there.
    """

    def __init__(
        self,
        evaluate: Callable[[Request], Evaluation],
        memory_bytes: int | None,
        candidates: int = CANDIDATES,
        gpu_share: float = 1.0,
    ) -> None:
        torch.set_num_threads(1)
        if gpu_share < 1 and torch.cuda.is_available():
            torch.cuda.set_per_process_memory_fraction(GPU_MEMORY * gpu_share)
        self._left = candidates
        self._evaluate = evaluate
        self._memory_bytes = memory_bytes

    def ready(self) -> str:
        """Return the id of the Ray node of this process, once it can evaluate."""
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def run(self, request: Request) -> Reply:
        if self._memory_bytes is None:
            return self._reply(self._evaluated(request))
        return self._watched(request, self._memory_bytes)

    def _evaluated(self, request: Request) -> Evaluation:
        began = time.monotonic()
        try:
            return self._evaluate(request)
        except Exception as error:
            return failed(request, error, time.monotonic() - began)

    def _reply(self, evaluation: Evaluation) -> Reply:
        self._left -= 1
        return Reply(evaluation, usable=self._left > 0 and evaluation.failure not in BREAKING)

    def _watched(self, request: Request, limit: int) -> Reply:
        began = time.monotonic()
        results: SimpleQueue[Evaluation] = SimpleQueue()

        def candidate() -> None:
            torch.set_num_threads(1)  # applies only to the thread that calls it
            results.put(self._evaluated(request))

        threading.Thread(target=candidate, daemon=True).start()
        while (used := private_bytes()) <= limit:
            try:
                return self._reply(results.get(timeout=POLL_SECONDS))
            except Empty:
                continue
        threading.Timer(EXIT_SECONDS, os._exit, (1,)).start()
        detail = f"the process used {used / 2**20:.0f} MiB, its limit is {limit / 2**20:.0f} MiB"
        return Reply(outcome(request, Failure.OUT_OF_MEMORY, detail, time.monotonic() - began), usable=False)


def private_bytes() -> int:
    """Memory of this process that it shares with no other process, in bytes (Linux)."""
    _, resident, shared = map(int, Path("/proc/self/statm").read_text().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
