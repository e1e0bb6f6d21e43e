"""The evaluation of one candidate, from the text of its genome to its metrics."""

from __future__ import annotations

import math
import time
from contextlib import closing, suppress
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import torch

import star
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.costs import static_metrics
from evaluator.evaluation import Evaluation, Request
from evaluator.execution import Follower, Observer, deterministic, device_type
from evaluator.failure import DivergenceError, TimeLimitError, failed
from evaluator.measure import Measured, decode_ms, quality
from evaluator.measuring.on_request import on_request
from evaluator.measuring.signals import signals
from evaluator.measuring.slot import QuietSlot
from evaluator.measuring.subject import Subject
from evaluator.metrics import DECODE_MS, LEARNING_RATE, PERPLEXITY, STDERR_SUFFIX, TRAIN_SECONDS, Metric
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.table import OPTIMIZERS
from evaluator.parallel.ranks import ALONE, Ranks
from evaluator.run import Run
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.together import together
from evaluator.train import Training
from genome import Genome, Space, decode
from star.ops import products

OF_ALL = (DivergenceError, TimeLimitError)
"""Errors that all processes of a training have at once."""


def evaluate(request: Request, follow: Follower | None = None, ranks: Ranks = ALONE) -> Evaluation:
    """Build, train and measure one candidate; an exception becomes the evaluation's `failure` and `detail`.

    On several tasks it is trained anew for each. The request determines every result except the times; its seed
    determines the batches and the initial weights. The progress in the store is deleted at the end, and stays only if
    the process dies or the training is stopped.

    With other `ranks` the processes train together, and process 0 alone measures and writes the weights; the
    evaluations of the others have no metrics. The progress then also stays if an error ends the training that need not
    be that of every process.

    Raises:
        KeyboardInterrupt: `follow` stopped the training.
    """
    if isinstance(request.task, SeveralTask):
        return together(request, request.task, partial(evaluate, follow=follow, ranks=ranks))
    began, observer = time.monotonic(), Observer()
    try:
        _prepare(request.budget.optimizer)
        with deterministic(request.budget.deterministic), observer.observing(), closing(QuietSlot()) as slot:
            evaluation = _evaluated(request, TrainingFiles(request, ranks), began, observer, slot, follow, ranks)
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
    ranks: Ranks,
) -> Evaluation:
    try:
        evaluation = _measured(request, files, began, observer, slot, follow, ranks)
    except Exception as error:  # other exceptions end the process, and the next attempt needs the progress
        if ranks.alone or isinstance(error, OF_ALL):
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
    ranks: Ranks,
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
    with ranks.joined():
        model = star.build(blueprint, request.shape, request.seed, budget.base_width).to(device_type())
        model.checkpoint_activations = budget.checkpoint_activations
        trained = request.task.around(model, budget, request.seed).to(device_type())
        fresh = signals(trained, task, request.seed, request.asked)
        files.inherit(model)
        training = observer.training = Training(trained, task, budget, np.random.default_rng(request.seed), ranks)
        run = Run(training, files, budget, end, deadline, partial(_give_way, slot, ranks), follow, ranks)
        with slot.shared():
            run.to_the_end()
    if ranks.rank:
        return Evaluation.of(request, curve=tuple(training.curve), seconds=time.monotonic() - began)
    with slot.shared():
        score = quality(trained, task, budget.batch, deadline, partial(_give_way, slot, ALONE))
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


def _give_way(slot: QuietSlot, ranks: Ranks) -> None:
    """Let a measurement that waits have the machine, in all processes, once the device has done what was launched."""
    if any(ranks.any(slot.wanted)):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        slot.give_way()


@lru_cache
def _prepare(name: OptimizerName) -> None:
    """Do once what takes seconds that would count as training time.

    The first optimizer of a kind loads modules, and the first product times two libraries on this machine.
    """
    products.faster()
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
