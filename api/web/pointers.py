"""The location of an error in a JSON document, and the fields a model has at that location."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def pointer(location: Sequence[Any]) -> str:
    """Return the JSON pointer (RFC 6901) of a path of field names and indices."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def legal_fields(root: type[BaseModel], location: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of the fields of the model at a location under `root`; empty when no model is there."""
    models = [root]
    for part in location:
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        models = [found for field in fields for found in _models(field.annotation)] if fields else models
    return tuple(dict.fromkeys(name for model in models for name in model.model_fields))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, Annotated, tuple, list):
        for inner in get_args(annotation):
            yield from _models(inner)
