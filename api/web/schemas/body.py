"""The base models of request and response bodies, and types that several models share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from evaluator.metrics import STDERR_SUFFIX
from evaluator.tasks.registry import metrics


def printable(text: str) -> str:
    """Return the text unchanged.

    Raises:
        ValueError: the text holds a character that is not printable.
    """
    if not text.isprintable():
        raise ValueError("must have no control characters, line breaks or unpaired surrogates")
    return text


Line = Annotated[str, AfterValidator(printable)]
"""A text of printable characters in one line."""


class Received(BaseModel):
    """A request body. Unknown fields and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Sent(BaseModel):
    """A response body."""

    model_config = ConfigDict(from_attributes=True)


def _only_metrics(schema: dict[str, Any]) -> None:
    schema["propertyNames"] = {"enum": [name + suffix for name in metrics() for suffix in ("", STDERR_SUFFIX)]}


ByMetric = Field(json_schema_extra=_only_metrics)
"""Annotates a dict whose keys are names of metrics and of their standard errors."""
