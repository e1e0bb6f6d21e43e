"""A database that does not answer: the service says so, tells when to ask again, and answers once it is back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.process.server import Server
from api.process.settings import Settings
from api.web.app import create_app
from search.archive import Archive
from search.archive.schema.engine import UNAVAILABLE
from tests.api.web.refusal import refused
from tests.served import answering

NOBODY = "postgresql://star:hunter2@127.0.0.1:1/star"
"""A database where nothing listens."""


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a server without a database."""
    archive = Archive(NOBODY)
    settings = Settings(database_url=NOBODY, artifacts=str(tmp_path / "artifacts"), exports=tmp_path / "exports")
    with answering(Server(create_app(archive, settings))) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client
    archive.close()


@pytest.mark.parametrize("path", ["/healthz", "/v1/jobs", "/v1/jobs/abc", "/v1/jobs/abc/points", "/v1/jobs/abc/events"])
def test_a_database_that_is_away_is_no_fault_of_the_request(alone: httpx.Client, path: str) -> None:
    answer = alone.get(path)

    problem = refused(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert "database" in problem["detail"]
    assert "127.0.0.1" not in answer.text
    assert "hunter2" not in answer.text


def test_a_database_that_accepts_and_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.archive.schema.engine.CONNECT_SECONDS", 2)  # the shortest that libpq knows
    with socket.create_server(("127.0.0.1", 0)) as silent:
        archive = Archive(f"postgresql://star@127.0.0.1:{silent.getsockname()[1]}/star")

        with pytest.raises(UNAVAILABLE):
            archive.jobs()

        archive.close()


def test_a_submission_is_refused_in_the_same_way(alone: httpx.Client) -> None:
    refused(alone.post("/v1/jobs", json={}), 503)
