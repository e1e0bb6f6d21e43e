"""Connections that a database server has ended are found before they are used, or else by one request."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from search.archive import Archive
from search.archive.schema import engine
from search.archive.schema.engine import database_url


def end_connections(url: str) -> None:
    """Let the server end all connections to a database but the one that asks for it."""
    asking = sa.create_engine(database_url(url))
    with asking.connect() as connection:
        ended = connection.scalars(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        ).all()
    asking.dispose()
    assert ended


@pytest.fixture(autouse=True)
def _on_a_server(url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no connections that could be lost")


def test_one_that_was_idle_is_replaced_unseen(archive: Archive, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TRUSTED_SECONDS", 0.0)
    archive.jobs()
    end_connections(url)

    assert archive.jobs().items == []


def test_one_that_was_just_used_costs_one_request(archive: Archive, url: str) -> None:
    archive.jobs()
    end_connections(url)

    with pytest.raises(OperationalError):
        archive.jobs()
    assert archive.jobs().items == []
