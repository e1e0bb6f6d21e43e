"""Pydantic field types whose legal values come from a table at the time a document is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, SerializeAsAny
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from evaluator.metrics import ON_REQUEST
from evaluator.tasks.registry import metrics, task_of, tasks
from evaluator.tasks.task import Task
from evaluator.value import FieldError


@dataclass(frozen=True)
class OneOf:
    """An annotation that restricts a text field to the names in a table; the JSON schema lists them as an enum.

    Args:
        noun: the word for one name in error messages.
        names: returns the legal names; called for every check.
    """

    noun: str
    names: Callable[[], Iterable[str]]

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.names())}

    def _known(self, name: str) -> str:
        legal = list(self.names())
        if name not in legal:
            raise ValueError(f"{self.noun} {name!r} is unknown; legal: {', '.join(legal)}")
        return name


class _AnyTaskSchema:
    """The JSON schema of a task: one of the registered ones, told apart by `kind`."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"oneOf": [handler(task.__pydantic_core_schema__) for task in tasks()]}


def field_fault(error: FieldError, title: str) -> ValidationError:
    """Return the pydantic error of a `FieldError`, located at its field below the model named `title`."""
    details = InitErrorDetails(type=_as_custom(str(error)), loc=error.field, input=None)
    return ValidationError.from_exception_data(title, [details])


def read_task(value: Any) -> Task:
    """Return a task from JSON, or as it is. Raises ValueError when it is none, or a field is illegal."""
    if isinstance(value, Task):
        return value
    if not isinstance(value, dict):
        raise ValueError("a task must be an object with the field `kind`")
    try:
        return _task_class(value).model_validate(value)
    except FieldError as error:
        raise field_fault(error, "task") from None


def _task_class(document: dict[str, Any]) -> type[Task]:
    """Return the class of a task in JSON.

    Raises:
        FieldError: the kind or a field is unknown; the message lists the legal ones, which pydantic's does not.
    """
    try:
        task = task_of(str(document.get("kind", "")))
    except ValueError as error:
        raise FieldError(("kind",), str(error)) from None
    for name in document:
        if name not in task.model_fields:
            raise FieldError((name,), f"unknown field; legal: {', '.join(task.model_fields)}")
    return task


def _as_custom(message: str) -> PydanticCustomError:
    return PydanticCustomError("value_error", "{message}", {"message": message})


AnyTask = Annotated[SerializeAsAny[Task], BeforeValidator(read_task), _AnyTaskSchema()]
"""A registered task. JSON is read by its `kind`; the locations of errors are those of the JSON document."""

ObjectiveName = Annotated[str, OneOf("objective", lambda: (one.name for one in metrics().values() if one.objective))]
"""The name of a metric that a search may minimise."""

LimitedName = Annotated[str, OneOf("metric", lambda: (one.name for one in metrics().values() if one.limited))]
"""The name of a metric that a constraint may limit."""

OnRequestName = Annotated[str, OneOf("metric to measure", lambda: (metric.name for metric in ON_REQUEST))]
"""The name of a metric that is reported only where a plan asks for it."""
