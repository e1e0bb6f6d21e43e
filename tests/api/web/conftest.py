"""A guard for requests that must leave the archive as it was, and a record of how events are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from search.archive import Archive
from tests.served import Service


@pytest.fixture
def nothing_stored(service: Service) -> Iterator[None]:
    """Require that a test adds no event to the archive."""
    before = service.archive.events(limit=100_000)
    yield
    assert service.archive.events(limit=100_000) == before


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The job, or None for all jobs, of every reading of events from an archive."""
    asked: list[str | None] = []
    read = Archive.events

    def counted(self: Archive, job_id: str | None = None, *args: Any, **options: Any) -> Any:
        asked.append(job_id)
        return read(self, job_id, *args, **options)

    monkeypatch.setattr(Archive, "events", counted)
    return asked
