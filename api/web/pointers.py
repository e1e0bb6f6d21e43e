"""Where in a document an error lies: JSON pointers, and the fields a model would have taken there."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from evaluator.evaluation import RecallTask, TextTask

TAGS = {model.model_fields["kind"].default for model in (TextTask, RecallTask)}
"""Pydantic puts the kind of a task into an error's location; the document has no such level."""


def pointer(location: Sequence[Any]) -> str:
    """RFC 6901 pointer of a pydantic error location."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in _untagged(location))


def legal_fields(root: type[BaseModel], location: Sequence[Any]) -> tuple[str, ...]:
    """The fields of the model at a location under `root`; none when there is no model there."""
    models = [root]
    for part in _untagged(location):
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        models = [found for field in fields for found in _models(field.annotation)] if fields else models
    tags = [part for part in location if part in TAGS]
    kept = [m for m in models if not tags or "kind" not in m.model_fields or m.model_fields["kind"].default == tags[-1]]
    return tuple(dict.fromkeys(name for model in kept for name in model.model_fields))


def _untagged(location: Sequence[Any]) -> list[Any]:
    return [part for n, part in enumerate(location) if not (n and location[n - 1] == "task" and part in TAGS)]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated, tuple, list):
        for inner in get_args(annotation):
            yield from _models(inner)
