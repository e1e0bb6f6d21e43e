"""The evaluation of one candidate, from the text of its genome to its metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import torch

import star
from evaluator.artifacts import Artifact
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.budget import Budget
from evaluator.costs import static_metrics
from evaluator.evaluation import Evaluation, Request
from evaluator.execution import Follower, Observer, deterministic, device_type
from evaluator.failure import failed
from evaluator.measure import Measured, decode_ms, quality
from evaluator.measuring.on_request import on_request
from evaluator.measuring.signals import signals
from evaluator.measuring.slot import QuietSlot
from evaluator.measuring.subject import Subject
from evaluator.metrics import DECODE_MS, LEARNING_RATE, PERPLEXITY, STDERR_SUFFIX, TRAIN_SECONDS, Metric
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

FOLLOWED_SECONDS = 0.2
"""Seconds of training between two looks of a follower."""


def evaluate(request: Request, follow: Follower | None = None) -> Evaluation:
    """Build, train and measure one candidate; an exception becomes the evaluation's `failure` and `detail`.

    On several tasks it is trained anew for each. The request determines every result except the times; its seed
    determines the batches and the initial weights. The progress in the store is deleted at the end, and stays only if
    the process dies or the training is stopped.

    Raises:
        KeyboardInterrupt: `follow` stopped the training.
    """
    if isinstance(request.task, SeveralTask):
        return together(request, request.task, partial(evaluate, follow=follow))
    began, observer = time.monotonic(), Observer()
    try:
        _prepare(request.budget.optimizer)
        with deterministic(request.budget.deterministic), observer.observing(), closing(QuietSlot()) as slot:
            evaluation = _evaluated(request, TrainingFiles(request), began, observer, slot, follow)
        _release_memory()
    except Exception as error:
        evaluation = failed(request, error, time.monotonic() - began)
        with suppress(RuntimeError):  # a broken device cannot release memory; the evaluation already reports it
            _release_memory()
    return replace(evaluation, execution=observer.execution)


def _release_memory() -> None:
    """Return cached memory to the accelerator, which other workers may share."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _evaluated(
    request: Request,
    files: TrainingFiles,
    began: float,
    observer: Observer,
    slot: QuietSlot,
    follow: Follower | None,
) -> Evaluation:
    try:
        evaluation = _measured(request, files, began, observer, slot, follow)
    except Exception:  # other exceptions end the process, and the next attempt needs the progress
        files.delete_progress()
        raise
    files.delete_progress()
    return evaluation


def _measured(
    request: Request,
    files: TrainingFiles,
    began: float,
    observer: Observer,
    slot: QuietSlot,
    follow: Follower | None,
) -> Evaluation:
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
    trained = request.task.around(model, budget, request.seed).to(device_type())
    fresh = signals(trained, task, request.seed, request.asked)
    files.inherit(model)
    training = observer.training = Training(trained, task, budget, np.random.default_rng(request.seed))
    between = partial(_give_way, slot)
    run = _Run(training, files, budget, end, deadline, between, follow)
    with slot.shared():
        run.to_the_end()
        score = quality(trained, task, budget.batch, deadline, between)
        decode_time = decode_ms(model, task.validation.tokens[:1], deadline)
    asked = on_request(Subject(request, model, task, slot, deadline))
    observer.quiet = asked.quiet
    metrics = {
        **_with_stderr(request.task.metric, score),
        **_perplexity(request.task.metric, score),
        **costs,
        **_with_stderr(DECODE_MS, decode_time),
        TRAIN_SECONDS.name: training.seconds,
        **asked.metrics,
        **fresh,
    }
    if budget.rates:
        metrics[LEARNING_RATE.name] = training.rate
    return Evaluation.of(
        request,
        metrics=metrics,
        curve=tuple(training.curve),
        weights=files.save_weights(model) if end == budget.steps else None,
        checkpoint=run.checkpoint,
        seconds=time.monotonic() - began,
    )


def _give_way(slot: QuietSlot) -> None:
    """Let a measurement that waits have the machine, once the device has done what was launched."""
    if slot.wanted:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        slot.give_way()


@dataclass
class _Run:
    """A training towards step `end`, from where an earlier attempt or a shorter training has got."""

    training: Training
    files: TrainingFiles
    budget: Budget
    end: int
    deadline: float
    between: Callable[[], None]
    follow: Follower | None
    checkpoint: Artifact | None = None
    """The checkpoint before the cool-down, of a training that is shorter than the budget."""

    def to_the_end(self) -> None:
        self.checkpoint = self.files.resume(self.training, self.end)
        if self.training.step == 0 and self.budget.rates:
            begin_at_best_rate(self.training, self.budget, self.end, self.deadline, self.between)
        self._to(stable_steps(self.end, self.budget))
        if self.checkpoint is None and self.end < self.budget.steps:
            self.checkpoint = self.files.save_checkpoint(self.training)
        self._to(self.end)

    def _to(self, until: int) -> None:
        """Train to step `until`, and save the progress now and then.

        Raises:
            KeyboardInterrupt: the follower stopped the training, whose progress is saved.
        """
        seconds = CHECKPOINT_SECONDS if self.follow is None else self.follow.checkpoint_seconds
        pause = seconds if self.follow is None else min(seconds, FOLLOWED_SECONDS)
        saved = time.monotonic()
        while self.training.step < until:
            self.training.run(until, self.end, self.deadline, time.monotonic() + pause, self.between)
            stopped = self.follow is not None and self.follow(self.training, self.end)
            due = self.training.step < until and time.monotonic() - saved >= seconds
            if stopped or due:
                self.files.save_progress(self.training, self.checkpoint)
                saved = time.monotonic()
            if stopped:
                raise KeyboardInterrupt


@lru_cache
def _prepare(name: OptimizerName) -> None:
    """Create one such optimizer, because the first one loads modules for seconds that would count as training time."""
    OPTIMIZERS[name].build(
        [{"params": [torch.zeros(1)], "lr": 0.0, "weight_decay": 0.0, "matrices": False, "scale": 1.0}]
    )


def _with_stderr(metric: Metric, measured: Measured) -> dict[str, float]:
    return {metric.name: measured.value, metric.name + STDERR_SUFFIX: measured.stderr}


def _perplexity(metric: Metric, measured: Measured) -> dict[str, float]:
    """Return the perplexity of a score that is a cross-entropy, with its standard error to first order."""
    if metric.base is None:
        return {}
    value = metric.base**measured.value
    return _with_stderr(PERPLEXITY, Measured(value, value * math.log(metric.base) * measured.stderr))
