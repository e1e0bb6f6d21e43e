"""Values of a blueprint as expressions of Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum

from star.export.standalone.sources import Reference

WIDTH = 120
INDENT = "    "
BRACKETS: dict[type, tuple[str, str]] = {tuple: ("(", ")"), dict: ("{", "}")}


def classes(value: object) -> Iterator[Reference]:
    """Iterate over the classes of ours that the expression of a value names."""
    if isinstance(value, Enum) or _is_record(value):
        yield _class(value)
    for _, one in _parts(value):
        yield from classes(one)


def expression(value: object, name_of: Callable[[Reference], str], indent: str = "", used: int = 0) -> str:
    """Return the expression of a value: dataclasses, named tuples, enumerations, tuples, dictionaries, constants.

    Args:
        name_of: returns the name of a class.
        indent: the indentation of the line.
        used: characters of the line before and after the expression.
    """
    if isinstance(value, Enum):
        return f"{name_of(_class(value))}.{value.name}"
    if not isinstance(value, dict | tuple) and not _is_record(value):
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
    opening, closing = BRACKETS[type(value)] if type(value) in BRACKETS else (f"{name_of(_class(value))}(", ")")
    parts, inner = _parts(value), indent + INDENT
    flat = ", ".join(before + expression(one, name_of, inner, -10_000) for before, one in parts)
    comma = "," if type(value) is tuple and len(parts) == 1 else ""
    if len(indent) + used + len(opening) + len(flat) + len(comma) + len(closing) <= WIDTH:
        return f"{opening}{flat}{comma}{closing}"
    lines = (f"{inner}{before}{expression(one, name_of, inner, len(before) + 1)},\n" for before, one in parts)
    return f"{opening}\n{''.join(lines)}{indent}{closing}"


def _class(value: object) -> Reference:
    return Reference(type(value).__module__, type(value).__name__)


def _is_record(value: object) -> bool:
    return is_dataclass(value) or hasattr(value, "_fields")


def _parts(value: object) -> list[tuple[str, object]]:
    """Return what an expression lists, each with the text before it.

    Arguments of a dataclass that have their default are left out, and those that no comparison sees.
    """
    if isinstance(value, dict):
        return [(f"{json.dumps(key)}: ", held) for key, held in value.items()]
    if is_dataclass(value):
        given = ((one, getattr(value, one.name)) for one in fields(value) if one.compare)
        return [(f"{one.name}=", held) for one, held in given if held != one.default]
    return [("", one) for one in value] if isinstance(value, tuple) else []
