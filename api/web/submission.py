"""From a request to a plan that may be stored: legal, of this catalogue, reading only what the operator allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.web.problems import Fault, Refused, refuse_document, refuse_fault, summary
from api.web.schemas import JobRequest
from evaluator.evaluation import TextTask
from genome import CLASSES
from search.plan import PRESETS, Plan, merged

BUILT_IN = "stdlib"
LONGEST_TEXT = 4096


def plan_of(request: JobRequest, corpora: Sequence[Path]) -> Plan:
    """The plan a request asks for, its corpus resolved to an absolute path.

    Args:
        corpora: directories whose files, and those below, a text task may read.

    Raises:
        Refused: 422; each fault names its field and the legal values.
    """
    if request.preset not in PRESETS:
        raise refuse_fault(f"preset {request.preset!r} is unknown; legal: {', '.join(PRESETS)}", "/preset")
    unfit = list(_unfit(request.plan, "/plan"))
    if unfit:
        raise Refused(422, summary(unfit), unfit)
    _require_known_classes(request.plan)
    try:
        plan = merged(request.preset, request.plan)
    except ValidationError as error:
        raise refuse_document(error, Plan, "/plan") from None
    if not isinstance(plan.task, TextTask) or plan.task.corpus == BUILT_IN:
        return plan
    from evaluator.tasks.text import corpus_directory  # which imports torch, seconds long

    try:
        folder = corpus_directory(plan.task.corpus, corpora)
    except (ValueError, OSError) as error:
        raise refuse_fault(str(error), "/plan/task/corpus") from None
    return plan.model_copy(update={"task": TextTask(corpus=str(folder))})


def _unfit(value: Any, where: str) -> Iterator[Fault]:
    """What no field of a plan may hold, wherever it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = key.replace("~", "~0").replace("/", "~1")
            yield from _unfit(key, where)
            yield from _unfit(inner, f"{where}/{name}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _unfit(inner, f"{where}/{n}")
    elif isinstance(value, str) and (not value.isprintable() or len(value) > LONGEST_TEXT):
        yield Fault(pointer=where, detail=f"text must be printable and at most {LONGEST_TEXT} characters long")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Fault(pointer=where, detail="numbers must be finite")


def _require_known_classes(changes: dict[str, Any]) -> None:
    space = changes.get("space")
    names = space.get("classes") if isinstance(space, dict) else None
    known = [row.name for row in CLASSES]
    for n, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str) and name not in known:
            raise refuse_fault(f"class {name!r} is unknown; legal: {', '.join(known)}", f"/plan/space/classes/{n}")
