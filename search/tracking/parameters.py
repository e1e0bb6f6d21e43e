"""The fields of a plan as parameters of a tracker: names with dots and plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from search.plan import Plan
from search.tracking.tracker import Parameter

LONGEST = 500
"""Characters of a value. Trackers refuse or cut longer ones."""


def parameters_of(plan: Plan) -> dict[str, Parameter]:
    """Return the fields of a plan that are set: `{"budget.steps": 150, ...}`; a list is its JSON."""
    return dict(_flat(plan.model_dump(mode="json", exclude_none=True), ""))


def _flat(document: Mapping[str, Any], before: str) -> Iterator[tuple[str, Parameter]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, _plain(value)


def _plain(value: Any) -> Parameter:
    if isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
