"""Tasks and metrics as the API describes them, read from their declarations."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from evaluator.metrics import Direction, Format, MetricKind
from evaluator.tasks.task import Task


class MetricView(BaseModel):
    """A metric: how its value is obtained, compared and written."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(description="key in plans and in the metrics of candidates")
    label: str
    kind: MetricKind = Field(description="how its value is obtained, as in `docs/objectives.md`")
    better: str = Field(description="word for a better value, such as `fewer`; empty where no end is better")
    unit: str = Field(description="symbol of the unit; empty when the label names the unit or there is none")
    format: Format
    direction: Direction
    objective: bool = Field(description="whether a search may minimise it")
    limited: bool = Field(description="whether a constraint may limit it")
    on_request: bool = Field(description="whether it is reported only where a plan asks for it")
    description: str = Field(description="what is counted or measured, in one clause; empty where the label says it")


class Metrics(BaseModel):
    """Every metric that is shown of a candidate."""

    metrics: list[MetricView]


class TaskView(BaseModel):
    """A task a plan may name."""

    kind: str
    title: str
    summary: str
    brief: str = Field(description="one task in a few words; a field's name in braces is replaced by its value")
    vocabulary: int | str = Field(description="number of different tokens, or the name of the field that holds it")
    metric: str = Field(description="metric of a trained model's score")
    metrics: list[str] = Field(description="metrics reported of a candidate, the score first")
    defaults: dict[str, Any] = Field(description="the task with the default of every field")
    fields: dict[str, Any] = Field(description="JSON schema of each field")

    @classmethod
    def of(cls, task: type[Task]) -> TaskView:
        fields, default = task.model_json_schema()["properties"], task.model_validate({})
        return cls(
            kind=task.name(),
            title=task.title,
            summary=task.summary,
            brief=task.brief,
            vocabulary=task.vocabulary,
            metric=task.metric.name,
            metrics=[metric.name for metric in default.metrics()],
            defaults=default.model_dump(mode="json"),
            fields={name: schema for name, schema in fields.items() if name != "kind"},
        )
