"""The commands that open a database end with a clear line when it cannot be used, and never print its password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from search.archive import Archive
from tests.api.cli.commands import run

pytestmark = pytest.mark.slow

COMMANDS = [("migrate",), ("serve", "--no-runner", "--port", "0"), ("run",)]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/user:hunter2@host/name",
        "postgresql://user:hunter2@host:port/name",
        "postgresql://user:hunter2@[::1/name",
        "postgresql://us/er:hunter2@host/name",
        "postgresql://user:x@hunter2@host/name",
        "mysql://user:hunter2@host/name",
        "sqlite://user:hunter2@host/name",
        "hunter2",
        "postgresql://user:hunter2@127.0.0.1:1/name",
    ],
)
def test_a_password_is_never_printed(url: str) -> None:
    code = 1 if "127.0.0.1" in url else 2
    result = run("migrate", "--database", url, status=code)

    assert "hunter2" not in result.output
    assert result.output.startswith("star: ")
    assert len(result.output.splitlines()) == 1
    assert "database" in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=["migrate", "serve", "run"])
def test_the_schema_of_a_later_version_ends_a_start_and_stays(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path / 'star.db'}"
    Archive(url).migrate()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9042'"))

    places = {"STAR_ARTIFACTS": str(tmp_path / "artifacts"), "STAR_DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *command],
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert done.returncode == 1
    assert "schema 9042" in done.stderr
    assert "later version" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9042"
    engine.dispose()
