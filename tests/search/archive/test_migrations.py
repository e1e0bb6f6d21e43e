"""Migrations bring any database to the tables that the records describe, and know nothing of the application."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from search.archive import Archive
from search.archive.engine import MIGRATIONS, database_url, now
from search.archive.tables import Record


def difference(url: str) -> list[object]:
    engine = sa.create_engine(database_url(url))
    with engine.connect() as connection:
        found = list(compare_metadata(MigrationContext.configure(connection), Record.metadata))
    engine.dispose()
    return found


def test_migrated_tables_are_those_of_the_records(archive: Archive, url: str) -> None:
    assert difference(url) == []
    archive.migrate()
    assert difference(url) == []


def test_the_comparison_can_fail(archive: Archive, url: str) -> None:
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX candidates_mother"))
    engine.dispose()
    assert difference(url) != []


def test_down_and_up_again(archive: Archive, url: str) -> None:
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
    engine.dispose()
    archive.migrate()
    assert difference(url) == []


def test_migration_works_from_any_directory(url: str, tmp_path: Path) -> None:
    code = f"from search.archive import Archive; Archive({url!r}).migrate()"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, check=True)
    assert difference(url) == []


def test_migrations_import_nothing_from_the_application() -> None:
    files = sorted(MIGRATIONS.rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= {"sqlalchemy", "alembic"}, file.name


def test_the_databases_clock_is_utc_in_seconds(archive: Archive, url: str) -> None:
    engine = sa.create_engine(database_url(url))
    with engine.connect() as connection:
        known = {"sqlite": "SELECT CAST(strftime('%s', 'now') AS REAL)"}
        expected = known.get(engine.dialect.name, "SELECT CAST(extract(epoch FROM now()) AS double precision)")
        assert abs(connection.scalar(sa.text(expected)) - connection.scalar(sa.select(now()))) < 5
    engine.dispose()
