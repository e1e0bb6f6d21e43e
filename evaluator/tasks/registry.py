"""The tasks a plan may name, by kind, and the metrics they report."""

from __future__ import annotations

from evaluator.metrics import COSTS, ON_REQUEST, PERPLEXITY, Metric
from evaluator.tasks.dna import DNATask
from evaluator.tasks.mad.compression import CompressionTask
from evaluator.tasks.mad.copying import SelectiveCopyingTask
from evaluator.tasks.mad.fuzzy import FuzzyRecallTask
from evaluator.tasks.mad.memorization import MemorizationTask
from evaluator.tasks.mad.recall import ContextRecallTask, NoisyRecallTask
from evaluator.tasks.mad.task import MADTask
from evaluator.tasks.mqar import MQARTask
from evaluator.tasks.recall import RecallTask
from evaluator.tasks.series import SeriesTask
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.task import Task
from evaluator.tasks.text import TextTask
from evaluator.tasks.tokens import TokensTask

MAD: tuple[type[MADTask], ...] = (
    ContextRecallTask,
    NoisyRecallTask,
    FuzzyRecallTask,
    SelectiveCopyingTask,
    CompressionTask,
    MemorizationTask,
)
"""The six tasks of MAD."""

BUILT_IN: tuple[type[Task], ...] = (TextTask, RecallTask, TokensTask, DNATask, SeriesTask, MQARTask, *MAD, SeveralTask)

_tasks: dict[str, type[Task]] = {task.name(): task for task in BUILT_IN}


def tasks() -> tuple[type[Task], ...]:
    """Return the registered tasks, the built-in ones first."""
    return tuple(_tasks.values())


def metrics() -> dict[str, Metric]:
    """Return the metrics of evaluations by name: the scores of the tasks first, then the costs, then the rest."""
    scores = (task.metric for task in tasks())
    return {metric.name: metric for metric in (*scores, PERPLEXITY, *COSTS, *ON_REQUEST)}


def task_of(kind: str) -> type[Task]:
    """Return the task class of a kind.

    Raises:
        ValueError: no task of this kind is registered; the message lists the legal kinds.
    """
    if kind not in _tasks:
        raise ValueError(f"task {kind!r} is unknown; legal: {', '.join(_tasks)}")
    return _tasks[kind]


def register(task: type[Task]) -> None:
    """Add a task for this process: plans may name it from now on.

    Raises:
        ValueError: the kind, or the name of the metric, is taken by something else; the message names both sides.
    """
    name, metric = task.name(), task.metric
    other = _tasks.get(name, task)
    if other is not task:
        raise ValueError(f"kind {name!r} is taken twice: by {other.__qualname__} and by {task.__qualname__}")
    known = metrics().get(metric.name, metric)
    if known != metric:
        raise ValueError(f"metric {metric.name!r} is declared twice: as {known} and as {metric}")
    _tasks[name] = task


def unregister(task: type[Task]) -> None:
    """Remove a task added by `register`.

    Raises:
        KeyError: the task is not registered.
    """
    del _tasks[task.name()]
