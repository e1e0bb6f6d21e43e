"""A guard for requests that must leave the archive as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.served import Service


@pytest.fixture
def nothing_stored(service: Service) -> Iterator[None]:
    """Require that a test adds no event to the archive."""
    before = service.archive.events(limit=100_000)
    yield
    assert service.archive.events(limit=100_000) == before
