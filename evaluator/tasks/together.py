"""The evaluation of a candidate on several tasks: one training for each, with a fresh model, one after the other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.metrics import STDERR_SUFFIX, TRAIN_SECONDS
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.task import Task


def together(request: Request, task: SeveralTask, evaluate: Callable[[Request], Evaluation]) -> Evaluation:
    """Evaluate a candidate on each of several tasks, and put the evaluations together.

    Costs, decode time and weights are those of the model of the first task with the largest vocabulary, whose shape is
    that of the request. The time limit is that of all trainings. There is no checkpoint to go on from, so a candidate
    with a larger budget is trained anew. A failure on one task is that of the candidate. What is measured on request is
    measured of that model alone.
    """
    began, shown = time.monotonic(), [part.vocab for part in task.tasks].index(task.vocab)
    evaluations: list[Evaluation] = []
    for n, part in enumerate(task.tasks):
        left = request.budget.seconds - (time.monotonic() - began)
        if left <= 0:
            detail = f"{request.budget.seconds:g} s were over before task {n}, {part.kind}, began"
            return Evaluation.of(request, failure=Failure.TIMED_OUT, detail=detail, seconds=time.monotonic() - began)
        asked = request.asked if n == shown else ()
        one = evaluate(replace(_request_of(n, part, request, task, left), asked=asked))
        if one.failure is not None:
            detail = f"on task {n}, {part.kind}: {one.detail}"
            return replace(one, detail=detail, tokens=request.trained_tokens, seconds=time.monotonic() - began)
        evaluations.append(one)
    largest = evaluations[shown]
    if not largest.metrics:  # another process measures
        return replace(largest, tokens=request.trained_tokens, seconds=time.monotonic() - began)
    own = {score.name + suffix for part in task.tasks for score in part.scores for suffix in ("", STDERR_SUFFIX)}
    metrics = {name: value for name, value in largest.metrics.items() if name not in own}
    metrics |= task.overall([one.metrics for one in evaluations]) | _errors(task, evaluations)
    metrics[TRAIN_SECONDS.name] = sum(one.metrics[TRAIN_SECONDS.name] for one in evaluations)
    return replace(
        largest,
        metrics=metrics,
        curve=_mean_curve([one.curve for one in evaluations]),
        checkpoint=None,
        tokens=request.trained_tokens,
        seconds=time.monotonic() - began,
    )


def _request_of(n: int, part: Task, request: Request, task: SeveralTask, seconds: float) -> Request:
    """Return the request for the n-th task: its own sizes and folder, and as many steps."""
    budget = task.budget_of(n, request.budget).model_copy(update={"seconds": seconds})
    steps = request.budget.steps_of(request.trained_tokens)
    return replace(
        request,
        task=part,
        shape=replace(request.shape, vocab=part.vocab),
        budget=budget,
        tokens=steps * budget.batch * budget.length,
        checkpoint=None,
        store=request.store and replace(request.store, prefix=f"{request.store.prefix}/task-{n}"),
    )


def _errors(task: SeveralTask, evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Return the standard errors of the means over tasks and over kinds; those of different tasks are independent."""
    errors: dict[str, list[float]] = {}
    for part, one in zip(task.tasks, evaluations, strict=True):
        errors.setdefault(part.metric.name, []).append(one.metrics[part.metric.name + STDERR_SUFFIX])
    kinds = {name: math.hypot(*some) / len(some) for name, some in errors.items()}
    every = {task.metric.name: math.hypot(*kinds.values()) / len(kinds), **kinds}
    return {metric.name + STDERR_SUFFIX: every[metric.name] for metric in task.scores}


def _mean_curve(curves: Sequence[tuple[tuple[int, float], ...]]) -> tuple[tuple[int, float], ...]:
    """Return the mean loss over tasks at each step; all curves have the same steps."""
    return tuple((points[0][0], fmean(loss for _, loss in points)) for points in zip(*curves, strict=True))
