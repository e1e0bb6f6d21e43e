"""Behaviours of a candidate, for tests of the evaluators.

A candidate's number chooses its behaviour from the table below, inside the function that the evaluator is given.
"""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch

from evaluator.artifacts import Artifact
from evaluator.budget import Budget
from evaluator.evaluation import Evaluation, Evaluator, Request
from evaluator.failure import DivergenceError
from evaluator.tasks.recall import RecallTask
from genome import Shape, Space

MEMORY_BYTES = 2**30
ALLOCATED_AT_ONCE = 64 * 2**20
WEIGHTS = Artifact("job/1/weights", "0" * 64, 5_000_000)


def good(request: Request) -> Evaluation:
    return Evaluation.of(
        request,
        metrics={"bits_per_byte": 2.5, "process": float(os.getpid())},
        curve=((1, 5.0), (2, 4.0)),
        seconds=1.5,
        weights=WEIGHTS,
    )


def diverges(request: Request) -> Evaluation:
    raise DivergenceError("the loss is nan")


def fails(request: Request) -> Evaluation:
    raise KeyError("no such\nfeature")


def runs_out_of_memory(request: Request) -> Evaluation:
    raise torch.OutOfMemoryError("CUDA out of memory")


def breaks_the_device(request: Request) -> Evaluation:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def hangs(request: Request) -> Evaluation:
    while True:
        pass


def kills_its_process(request: Request) -> Evaluation:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def takes_all_memory(request: Request) -> Evaluation:
    held = []
    while True:
        held.append(np.ones(ALLOCATED_AT_ONCE, np.uint8))


def returns_what_cannot_be_sent(request: Request) -> Evaluation:
    return Evaluation.of(request, metrics={"lock": threading.Lock()})


def waits_for_the_file(request: Request) -> Evaluation:
    while not Path(request.genome).exists():
        time.sleep(0.02)
    return good(request)


BEHAVIOURS = (
    good,
    diverges,
    fails,
    runs_out_of_memory,
    hangs,
    kills_its_process,
    takes_all_memory,
    returns_what_cannot_be_sent,
    waits_for_the_file,
    breaks_the_device,
)


def behave(request: Request) -> Evaluation:
    return BEHAVIOURS[request.candidate](request)


def asked(behaviour, attempt: int = 1, seconds: float = 60.0, genome: str = "1.1.1.1.1") -> Request:
    space = Space.of(["SA-1"], depth=1).to_json()
    number, budget = BEHAVIOURS.index(behaviour), Budget(seconds=seconds)
    return Request(number, attempt, genome, space, Shape(8, 8, 256), RecallTask(), budget)


def collected(evaluator: Evaluator, many: int) -> list[Evaluation]:
    """So many results, polling as a search does; the suite's timeout ends a wait in vain."""
    results: list[Evaluation] = []
    while len(results) < many:
        results += evaluator.collect(timeout=5)
    return results


def outcome(evaluator: Evaluator, request: Request) -> Evaluation:
    evaluator.submit(request)
    (result,) = collected(evaluator, 1)
    return result
