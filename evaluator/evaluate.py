"""The evaluation of one candidate, from the text of its genome to its metrics."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import lru_cache

import numpy as np
import torch

import star
from evaluator.artifacts import Artifact, Artifacts
from evaluator.costs import static_metrics
from evaluator.evaluation import Evaluation, Request
from evaluator.failure import failed
from evaluator.measure import Measured, decode_ms, quality
from evaluator.metrics import DECODE_MS, STDERR_SUFFIX, TRAIN_SECONDS, Metric
from evaluator.train import train
from genome import Genome, Space, decode


def evaluate(request: Request) -> Evaluation:
    """Build, train and measure one candidate; an exception becomes the evaluation's `failure` and `detail`.

    The request determines every result except the times; its seed determines the batches and the initial weights.
    """
    began = time.monotonic()
    try:
        _prepare()
        evaluation = _evaluated(request, began)
        _release_memory()
    except Exception as error:
        evaluation = failed(request, error, time.monotonic() - began)
        with suppress(RuntimeError):  # a broken device cannot release memory; the evaluation already reports it
            _release_memory()
    return evaluation


def _release_memory() -> None:
    """Return cached memory to the accelerator, which other workers may share."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _evaluated(request: Request, began: float) -> Evaluation:
    deadline = began + request.budget.seconds
    if request.shape.vocab != request.task.vocab:
        raise ValueError(
            f"vocab of the shape is {request.shape.vocab}; task {request.task.kind} has {request.task.vocab}"
        )
    blueprint = decode(Genome.parse(request.genome), Space.from_json(request.space))
    costs = static_metrics(blueprint, request.shape, request.context)
    task = request.task.load(request.budget)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = star.build(blueprint, request.shape, seed=request.seed).to(device)
    training = time.monotonic()
    curve = train(model, task, request.budget, np.random.default_rng(request.seed), deadline)
    trained = time.monotonic()
    score = quality(model, task, request.budget.batch, deadline)
    decode_time = decode_ms(model, task.validation.tokens[:1], deadline)
    metrics = {
        **_with_stderr(request.task.metric, score),
        **costs,
        **_with_stderr(DECODE_MS, decode_time),
        TRAIN_SECONDS.name: trained - training,
    }
    return Evaluation.of(
        request, metrics=metrics, curve=curve, weights=_kept(request, model), seconds=time.monotonic() - began
    )


def _kept(request: Request, model: star.Backbone) -> Artifact | None:
    """Write the trained weights to the store of the request, if it has one."""
    if request.store is None:
        return None
    return Artifacts(request.store.url).write(f"{request.store.prefix}/weights.safetensors", star.weights(model))


@lru_cache(maxsize=1)
def _prepare() -> None:
    """Create one optimizer, because the first one loads modules for seconds that would count as training time."""
    torch.optim.AdamW([torch.zeros(1)])


def _with_stderr(metric: Metric, measured: Measured) -> dict[str, float]:
    return {metric.name: measured.value, metric.name + STDERR_SUFFIX: measured.stderr}
