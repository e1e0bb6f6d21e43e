"""Runners say that they live, and a search without one says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.process.presence import presence
from search.archive.custody import runners as signs
from tests.processes import eventually
from tests.served import Service, serving


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as service:
        yield service


def living(service: Service) -> list[str]:
    return [one["name"] for one in service.client.get("/v1/runners").json()["runners"]]


@contextmanager
def runner(service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """`star run` on the database of a service."""
    options = ["--database", service.settings.database_url, "--artifacts", service.settings.artifacts]
    process = subprocess.Popen([sys.executable, "-m", "api.cli", "run", *options])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_runner_is_listed_while_it_lives(own: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert living(own) == []
    with runner(own) as process:
        eventually(lambda: living(own))
        (found,) = own.client.get("/v1/runners").json()["runners"]
        assert found["name"].endswith(f":{process.pid}")
        assert (found["workers"], found["jobs"]) == (2, [])
        process.terminate()
        process.wait(30)
    assert living(own) == []  # one that ends says so
    with runner(own) as process:
        eventually(lambda: living(own))
        process.kill()
        process.wait()
        monkeypatch.setattr(signs, "ALIVE_SECONDS", 0.5)  # one that was killed is silent
        eventually(lambda: not living(own))


def test_it_names_the_jobs_that_it_holds(own: Service) -> None:
    job = own.client.post("/v1/jobs", json={"plan": {"candidates": 2}}).json()["id"]
    with presence(own.archive, "here:1", 3), presence(own.archive, "there:2", 1):
        assert own.archive.claim("there:2", 60.0) is not None
        eventually(lambda: len(own.archive.runners()) == 2)
        assert [(one.name, one.workers, one.jobs) for one in own.archive.runners()] == [
            ("here:1", 3, []),
            ("there:2", 1, [job]),
        ]


def test_a_database_that_does_not_answer_hears_the_next_sign(own: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    report, failures = own.archive.report_runner, [OperationalError("", {}, Exception("away"))] * 2

    def sometimes(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        report(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(own.archive, "report_runner", sometimes)
    with presence(own.archive, "here:1", 3, pause=0.05):
        eventually(lambda: own.archive.runners())
    assert own.archive.runners() == []
