"""Markdown of values that others have given: no text of theirs becomes markup, a link or a line of its own."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LONGEST = 300
"""Characters of a value that are shown; genome.json has all."""

ACTIVE = re.compile(r"[\\`*\[\]<>#|~&!$@:]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.")
"""What Markdown may read as markup within a line, and what makes a bare address a link."""


def escaped(value: Any) -> str:
    """Return a JSON value as text in one line of Markdown. Control characters become spaces; a long text is cut."""
    text = value if isinstance(value, str) else _written(value)
    text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return ACTIVE.sub(lambda found: "\\" + found[0], text)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table whose cells are escaped; a table without rows is an empty text."""
    lines = ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    head = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*head, *lines]) if lines else ""


def flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return the values of nested objects with their paths, joined by dots. Lists are values."""
    if isinstance(value, Mapping) and value:
        return [pair for key, inner in value.items() for pair in flat(inner, f"{name}.{key}" if name else str(key))]
    return [(name, value)]


def _written(value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return ", ".join(one if isinstance(one, str) else _written(one) for one in value) or "none"
    if value is None:
        return "none"
    if type(value) is int or (type(value) is float and value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    if type(value) is float:
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False)
