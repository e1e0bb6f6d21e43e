"""The description of a model, genome.json: its fields with their types. Of a foreign file nothing is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1
"""The version of the description."""


@dataclass(frozen=True)
class Field:
    """A field of a JSON object: its type, and whether it may be left out."""

    type: type
    optional: bool = False


DESCRIPTION = {
    "format": Field(int),
    "genome": Field(str),
    "space": Field(dict),
    "shape": Field(dict),
    "facts": Field(dict),
}
SHAPE = {
    "width": Field(int),
    "head_dim": Field(int),
    "vocab": Field(int),
    "window": Field(int, optional=True),
    "channels": Field(int, optional=True),
}
SPACE = {
    "classes": Field(list),
    "featurizers": Field(list),
    "depth": Field(int),
    "allow_skip": Field(bool),
    "share_weights": Field(bool),
    "share_features": Field(bool),
    "groups": Field(int),
}

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()-]{0,99}")
"""The names of classes that are read, because some formats write them into code or names of files."""

NAMES = {int: "an integer", str: "a text", dict: "an object", list: "a list", bool: "true or false"}


def parsed(data: bytes) -> dict[str, Any]:
    """Read a description and check the presence and the types of its fields.

    Raises:
        ValueError: it is not JSON, of another version, or a field is missing, unknown or of a wrong type; the message
            names the field.
    """
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    require_version(found)
    require_fields(found, DESCRIPTION, "")
    require_fields(found["shape"], SHAPE, "shape.")
    require_fields(found["space"], SPACE, "space.", closed=False)
    for n, row in enumerate(found["space"]["classes"]):
        _require_plain_name(row, f"space.classes.{n}")
    return found


def require_version(description: Mapping[str, Any]) -> None:
    """Check the version of a description before anything else of it.

    Raises:
        ValueError: this version cannot read it.
    """
    version = description.get("format")
    if type(version) is int and version > FORMAT:
        raise ValueError(f"format: {version} is that of a later version of STAR; this version reads {FORMAT}")
    if type(version) is not int or version != FORMAT:
        raise ValueError(f"format: {version!r} is unknown; this version reads {FORMAT}")


def require_fields(found: Mapping[str, Any], fields: Mapping[str, Field], path: str, *, closed: bool = True) -> None:
    """Check the fields of a JSON object.

    Args:
        path: what stands before the name of a field in a message.
        closed: whether other fields are refused, as one that this version does not know could change the model.

    Raises:
        ValueError: a field is missing, unknown or of a wrong type.
    """
    for name, field in fields.items():
        if name not in found:
            if field.optional:
                continue
            raise ValueError(f"{path}{name}: the field is missing")
        if type(found[name]) is not field.type:
            raise ValueError(f"{path}{name}: must be {NAMES[field.type]}, not {_shown(found[name])}")
    unknown = sorted(found.keys() - fields.keys()) if closed else []
    if unknown:
        raise ValueError(f"{path}{_shown(unknown[0])}: the field is unknown; legal: {', '.join(fields)}")


def _require_plain_name(row: Any, path: str) -> None:
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"{path}.name: must be a text, not {_shown(name)}")
    if not PLAIN.fullmatch(name):
        raise ValueError(f"{path}.name: must be letters, digits, spaces and ._+()-, not {_shown(name)}")


def _shown(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 40 else text[:40] + "..."


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
