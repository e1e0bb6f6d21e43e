"""The forms in which operators run, told to whoever asks.

`star.ops.dispatch` reports each choice of a form. Nothing is kept unless an enclosing `observed` collects it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PYTORCH = "torch"
"""The form that is no kernel; a kernel is named by its `star.ops.kernels.Language`."""

_OBSERVED: ContextVar[set[tuple[str, str]] | None] = ContextVar("forms of the operators that run", default=None)


@contextmanager
def observed() -> Iterator[set[tuple[str, str]]]:
    """Collect pairs of an operator and the language of a form in which it ran in the block, on this thread."""
    forms: set[tuple[str, str]] = set()
    token = _OBSERVED.set(forms)
    try:
        yield forms
    finally:
        _OBSERVED.reset(token)


def report(operator: str, language: str) -> None:
    """Add the form of an operator to the set of the enclosing `observed`; without one, do nothing."""
    forms = _OBSERVED.get()
    if forms is not None:
        forms.add((operator, language))
