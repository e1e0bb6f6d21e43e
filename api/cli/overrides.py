"""The changes to a preset that are given on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from api.cli.output import fail


def plan_changes(file: str | None, settings: list[str]) -> dict[str, Any]:
    """Return the changes to a preset: a JSON file (`-`: standard input), overridden by FIELD=VALUE settings.

    A value that is valid JSON is parsed; any other value is text.
    """
    changes: dict[str, Any] = {}
    if file is not None:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
            changes = json.loads(text)
        except (OSError, ValueError) as error:
            fail(f"--plan {file}: {error}")
        if not isinstance(changes, dict):
            fail(f"--plan {file}: must hold a JSON object")
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals or not field:
            fail(f"--set {setting}: must be FIELD=VALUE, as in budget.steps=50")
        _assign(changes, field.split("."), _read(value))
    return changes


def _assign(changes: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = changes.setdefault(name, {})
        if not isinstance(inner, dict):
            fail(f"--set {'.'.join(path)}: {name} is not an object")
        changes = inner
    changes[path[-1]] = value


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
