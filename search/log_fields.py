"""Fields of log lines that say what a line is about: the request, the job, the candidate, the runner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed in place


def log_fields() -> Mapping[str, object]:
    """Return the fields of what this task or thread works on."""
    return _fields.get()


def add_log_fields(**fields: object) -> None:
    """Add fields to every further line of this task or thread."""
    _fields.set({**_fields.get(), **fields})


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Add fields to the lines that are logged while the block runs."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)
