"""Check of a submitted request: its plan must be legal and read only files in permitted directories."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.web.admission import require_within_limits
from api.web.pointers import pointer
from api.web.problems import Fault, Refused, refuse_document, refuse_fault, summary
from api.web.schemas import JobRequest
from evaluator.value import FieldError
from genome import Genome
from search.plan import Plan
from search.plan.presets import PRESETS, merged

LONGEST_TEXT = 4096
"""Largest length of a text in a plan, in characters."""


def plan_of(request: JobRequest, corpora: Sequence[Path]) -> Plan:
    """Build the plan of a request, with paths in its task resolved.

    Args:
        corpora: directories whose files, and the files of all directories below, a task may read.

    Raises:
        Refused: 422; each fault names its field and the legal values.
    """
    if request.preset not in PRESETS:
        raise refuse_fault(f"preset {request.preset!r} is unknown; legal: {', '.join(PRESETS)}", "/preset")
    illegal = list(_illegal_values(request.plan, "/plan"))
    if illegal:
        raise Refused(422, summary(illegal), illegal)
    try:
        plan = merged(request.preset, request.plan)
        plan = plan.model_copy(update={"task": plan.task.permitted(corpora)})
    except ValidationError as error:
        raise refuse_document(error, Plan, "/plan") from None
    except FieldError as error:
        raise refuse_fault(str(error), "/plan" + pointer(error.field)) from None
    for n, text in enumerate(plan.genomes):
        require_within_limits(Genome.parse(text), plan.liv_space, plan, f"/plan/genomes/{n}")
    return plan


def _illegal_values(value: Any, where: str) -> Iterator[Fault]:
    """Yield a fault for every text and number that no field of a plan may hold."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _illegal_values(key, where)
            yield from _illegal_values(inner, where + pointer((key,)))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _illegal_values(inner, where + pointer((n,)))
    elif isinstance(value, str) and (not value.isprintable() or len(value) > LONGEST_TEXT):
        yield Fault(pointer=where, detail=f"text must be printable and at most {LONGEST_TEXT} characters long")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Fault(pointer=where, detail="numbers must be finite")
