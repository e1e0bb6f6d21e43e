"""Which class carries out which kind of task. A new task is a new row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluator.evaluation import Budget, RecallTask, TextTask
from evaluator.tasks.loaded import LoadedTask
from evaluator.tasks.recall import Recall
from evaluator.tasks.text import Text

TASKS: dict[str, Callable[[Any, Budget], LoadedTask]] = {
    "text": Text.load,
    "recall": Recall.load,
}


def load(task: TextTask | RecallTask, budget: Budget) -> LoadedTask:
    """Make a task ready for training at this budget.

    Raises:
        ValueError: the task cannot be had at this budget; the message names the field and its bounds.
    """
    return TASKS[task.kind](task, budget)
