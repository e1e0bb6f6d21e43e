"""The evaluation of one candidate, from the text of its genome to its metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

import star
from evaluator.artifacts import Artifact
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.budget import Budget
from evaluator.costs import static_metrics
from evaluator.evaluation import Evaluation, Request
from evaluator.execution import Observer, device_type
from evaluator.failure import failed
from evaluator.measure import Measured, decode_ms, quality
from evaluator.metrics import DECODE_MS, LEARNING_RATE, STDERR_SUFFIX, TRAIN_SECONDS, Metric
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.sweep import begin_at_best_rate
from evaluator.optimizers.table import OPTIMIZERS
from evaluator.schedule import stable_steps
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.together import together
from evaluator.train import Training
from genome import Genome, Space, decode

CHECKPOINT_SECONDS = 60.0
"""Seconds of training between two writes of the progress, from which the next attempt goes on if this process dies."""

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
FIXED_WORKSPACE = ":4096:8"
"""A workspace with which cuBLAS gives the same bits each time; without it PyTorch refuses matrix products."""


def evaluate(request: Request) -> Evaluation:
    """Build, train and measure one candidate; an exception becomes the evaluation's `failure` and `detail`.

    On several tasks it is trained anew for each. The request determines every result except the times; its seed
    determines the batches and the initial weights. The progress in the store is deleted at the end, and stays only if
    the process dies.
    """
    if isinstance(request.task, SeveralTask):
        return together(request, request.task, evaluate)
    began, observer = time.monotonic(), Observer()
    try:
        _prepare(request.budget.optimizer)
        with _deterministic(request.budget.deterministic), observer.observing():
            evaluation = _evaluated(request, TrainingFiles(request), began, observer)
        _release_memory()
    except Exception as error:
        evaluation = failed(request, error, time.monotonic() - began)
        with suppress(RuntimeError):  # a broken device cannot release memory; the evaluation already reports it
            _release_memory()
    return replace(evaluation, execution=observer.execution)


@contextmanager
def _deterministic(asked: bool) -> Iterator[None]:
    """Allow only deterministic algorithms inside the context, if that is asked for.

    An operation that has none on its device raises RuntimeError, which names it. cuBLAS reads its setting when a
    process first uses it; a process that has used a GPU without the setting keeps its workspace.
    """
    if not asked:
        yield
        return
    before = torch.get_deterministic_debug_mode()
    os.environ.setdefault(WORKSPACE, FIXED_WORKSPACE)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


def _release_memory() -> None:
    """Return cached memory to the accelerator, which other workers may share."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _evaluated(request: Request, files: TrainingFiles, began: float, observer: Observer) -> Evaluation:
    try:
        evaluation = _measured(request, files, began, observer)
    except Exception:  # other exceptions end the process, and the next attempt needs the progress
        files.delete_progress()
        raise
    files.delete_progress()
    return evaluation


def _measured(request: Request, files: TrainingFiles, began: float, observer: Observer) -> Evaluation:
    budget, deadline = request.budget, began + request.budget.seconds
    for size in ("vocab", "channels"):
        has, needs = getattr(request.shape, size), getattr(request.task, size)
        if has != needs:
            raise ValueError(f"{size} of the shape is {has}; task {request.task.kind} has {needs}")
    end = budget.steps_of(request.trained_tokens)
    blueprint = decode(Genome.parse(request.genome), Space.from_json(request.space))
    costs = static_metrics(blueprint, request.shape, request.context)
    task = request.task.load(budget)
    model = star.build(blueprint, request.shape, request.seed, budget.base_width).to(device_type())
    model.checkpoint_activations = budget.checkpoint_activations
    files.inherit(model)
    trained = request.task.around(model, budget, request.seed).to(device_type())
    training = observer.training = Training(trained, task, budget, np.random.default_rng(request.seed))
    checkpoint = _trained(training, files, budget, end, deadline)
    score = quality(trained, task, budget.batch, deadline)
    decode_time = decode_ms(model, task.validation.tokens[:1], deadline)
    metrics = {
        **_with_stderr(request.task.metric, score),
        **costs,
        **_with_stderr(DECODE_MS, decode_time),
        TRAIN_SECONDS.name: training.seconds,
    }
    if budget.rates:
        metrics[LEARNING_RATE.name] = training.rate
    return Evaluation.of(
        request,
        metrics=metrics,
        curve=tuple(training.curve),
        weights=files.save_weights(model) if end == budget.steps else None,
        checkpoint=checkpoint,
        seconds=time.monotonic() - began,
    )


def _trained(training: Training, files: TrainingFiles, budget: Budget, end: int, deadline: float) -> Artifact | None:
    """Train to step `end`, from where an earlier attempt or a shorter training has got.

    Returns:
        The checkpoint before the cool-down, of a training that is shorter than the budget.
    """
    checkpoint = files.resume(training, end)
    if training.step == 0 and budget.rates:
        begin_at_best_rate(training, budget, end, deadline)
    _run(training, stable_steps(end, budget), end, deadline, files, checkpoint)
    if checkpoint is None and end < budget.steps:
        checkpoint = files.save_checkpoint(training)
    _run(training, end, end, deadline, files, checkpoint)
    return checkpoint


def _run(
    training: Training, until: int, end: int, deadline: float, files: TrainingFiles, checkpoint: Artifact | None
) -> None:
    """Train to step `until`, and save the progress now and then."""
    while training.step < until:
        training.run(until, end, deadline, pause=time.monotonic() + CHECKPOINT_SECONDS)
        if training.step < until:
            files.save_progress(training, checkpoint)


@lru_cache
def _prepare(name: OptimizerName) -> None:
    """Create one such optimizer, because the first one loads modules for seconds that would count as training time."""
    OPTIMIZERS[name].build(
        [{"params": [torch.zeros(1)], "lr": 0.0, "weight_decay": 0.0, "matrices": False, "scale": 1.0}]
    )


def _with_stderr(metric: Metric, measured: Measured) -> dict[str, float]:
    return {metric.name: measured.value, metric.name + STDERR_SUFFIX: measured.stderr}
