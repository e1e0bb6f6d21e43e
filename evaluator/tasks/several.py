"""Several tasks in one search: each candidate is trained anew on each of them.

Composer does so with the tasks of MAD (Acun et al. 2025): a candidate's quality is the mean of their scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from evaluator.budget import Budget
from evaluator.metrics import Format, Metric, MetricKind
from evaluator.tasks.mad.copying import SelectiveCopyingTask
from evaluator.tasks.mad.memorization import MemorizationTask
from evaluator.tasks.mad.recall import ContextRecallTask
from evaluator.tasks.task import Task
from evaluator.value import FieldError

MOST = 128

MEAN_ERROR = Metric("mean_error", "Mean error of tasks", MetricKind.TRAINED, "lower", format=Format.SHARE)


def _read(value: Any) -> Task:
    from evaluator.fields import read_task  # here, because the fields of plans know all tasks, this one too

    task = read_task(value)
    if isinstance(task, SeveralTask):
        raise ValueError("one of several tasks cannot be several tasks itself; list its tasks here")
    if task.channels:
        raise ValueError(f"{task.kind} has a real input and cannot be one of several tasks")
    return task


class _PartSchema:
    """The JSON schema of one of the tasks: an object, whose fields are those of a task alone."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}


if TYPE_CHECKING:
    Part = Task
else:  # not `Task`, whose schema, used more than once, would be a reference in that of every plan
    Part = Annotated[Any, BeforeValidator(_read), _PartSchema()]


class SeveralTask(Task):
    """Several tasks, on each of which a candidate is trained anew, scored each and by their mean."""

    kind: Literal["several"] = "several"
    tasks: tuple[Part, ...] = Field(
        default=(ContextRecallTask(), SelectiveCopyingTask(copies=8), MemorizationTask(symbols=64)),
        min_length=1,
        max_length=MOST,
        description="tasks, each an object like `task`; those of one kind are scored by their mean",
    )
    lengths: tuple[Annotated[int, Field(ge=2, le=1_048_576)], ...] = Field(
        default=(), max_length=MOST, description="tokens in a sequence of each task; none for the budget's `length`"
    )

    title: ClassVar[str] = "Several tasks"
    summary: ClassVar[str] = "train on each of several tasks"
    brief: ClassVar[str] = "several tasks"
    metric: ClassVar[Metric] = MEAN_ERROR
    vocabulary: ClassVar[int | str] = 256

    @property
    def vocab(self) -> int:
        """The largest vocabulary of the tasks."""
        return max(task.vocab for task in self.tasks)

    @property
    def scores(self) -> tuple[Metric, ...]:
        """The mean error, if every task is scored by a share, and the score of each kind."""
        kinds = tuple(dict.fromkeys(task.metric for task in self.tasks))
        return (MEAN_ERROR, *kinds) if all(one.format is Format.SHARE for one in kinds) else kinds

    @property
    def chances(self) -> dict[str, float]:
        return self.overall([{task.metric.name: task.chance} for task in self.tasks])

    @property
    def chance(self) -> float:
        """The mean of the metric at chance over the kinds."""
        return fmean(chance for name, chance in self.chances.items() if name != MEAN_ERROR.name)

    def overall(self, found: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Return the mean of each score over the tasks of its kind, and that of all kinds, from those of each task."""
        pairs = sorted((task.metric.name, one[task.metric.name]) for task, one in zip(self.tasks, found, strict=True))
        kinds = {name: fmean(value for _, value in some) for name, some in groupby(pairs, key=lambda pair: pair[0])}
        return {MEAN_ERROR.name: fmean(kinds.values()), **kinds} if MEAN_ERROR in self.scores else kinds

    def budget_of(self, n: int, budget: Budget) -> Budget:
        """Return the budget of the n-th task: the same, with its own length."""
        return budget.model_copy(update={"length": self.lengths[n]}) if self.lengths else budget

    def require_fit(self, budget: Budget) -> None:
        if len(self.lengths) not in (0, len(self.tasks)):
            raise FieldError(
                ("task", "lengths"),
                f"lengths must be none or {len(self.tasks)}, one for each task, not {len(self.lengths)}",
            )
        for n, task in enumerate(self.tasks):
            with _located(n, bool(self.lengths)):
                task.require_fit(self.budget_of(n, budget))

    def permitted(self, corpora: Sequence[Path]) -> Self:
        found = []
        for n, task in enumerate(self.tasks):
            with _located(n, own_length=False):
                found.append(task.permitted(corpora))
        return self.model_copy(update={"tasks": tuple(found)})

    def load(self, budget: Budget) -> NoReturn:
        raise TypeError("several tasks are loaded one by one")


@contextmanager
def _located(n: int, own_length: bool) -> Iterator[None]:
    """Give an error of the n-th task its place among the fields of a plan."""
    try:
        yield
    except FieldError as error:
        first, *rest = error.field
        if first == "task":
            raise FieldError(("task", "tasks", n, *rest), str(error)) from None
        if own_length and error.field == ("budget", "length"):
            raise FieldError(("task", "lengths", n), str(error)) from None
        raise
