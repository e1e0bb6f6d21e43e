"""Migrations bring any database to the tables of `tables.py`, and import nothing from the application."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from search.archive import Archive
from search.archive.listing.order import Order
from search.archive.schema.engine import MIGRATIONS, database_url, migration_config, now
from search.archive.schema.new_migration import new_migration
from search.archive.schema.tables import JobRecord
from search.plan import Plan
from tests.columns import points_of
from tests.search.archive.searching import Searching


def difference(url: str, tables: sa.MetaData = JobRecord.metadata) -> list[object]:
    engine = sa.create_engine(database_url(url))
    with engine.connect() as connection:
        found = list(compare_metadata(MigrationContext.configure(connection), tables))
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
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert set(sa.inspect(connection).get_table_names()) == {"alembic_version"}
    engine.dispose()
    archive.migrate()
    assert difference(url) == []


def test_a_search_of_the_first_version_keeps_algorithm_and_order(archive: Archive, url: str, plan: Plan) -> None:
    """The first version knew one algorithm, and wrote neither its name nor the order of outcomes."""
    search = Searching.started(archive, plan)
    search.go(6)
    search.propose()
    archive.hand_back(search.claim)

    def known() -> list[object]:
        job = archive.job(search.job_id)
        trainings = [one for number in range(1, 8) for one in archive.trainings(job.id, number)]
        # Its candidate began a moment before, and that version did not keep where it ran.
        curves = [replace(one, created_at=job.created_at, execution=None) for one in trainings]
        reads = (archive.past, archive.past_trainings, archive.in_flight, archive.history)
        places = points_of(archive, job.id)["outcome"]
        return [job.outcomes, job.tokens, job.done, places, *curves, *(read(job.id) for read in reads)]

    before = known()
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    engine.dispose()
    archive.migrate()
    found = archive.job(search.job_id).plan
    assert (found["algorithm"], found["stacks"]) == ("nsga2", 0)
    assert found == {**plan.model_dump(mode="json"), "algorithm": "nsga2", "stacks": 0}
    assert known() == before
    kept = {row.number: row.weights for row in archive.candidates(search.job_id).items if row.weights}
    assert kept
    for number, weights in kept.items():  # where earlier versions wrote them
        assert weights == {"key": f"{search.job_id}/{number}.safetensors", "digest": None, "size": None}


def test_candidates_of_before_are_ordered_by_their_objectives(archive: Archive, url: str, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(8)

    def ordered() -> list[list[int]]:
        orders = [Order.of(name, plan.objectives) for name in (*plan.objectives, "finished_at")]
        return [[one.number for one in archive.candidates(search.job_id, order=order).items] for order in orders]

    before = ordered()
    assert all(len(numbers) >= 7 for numbers in before)
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0010")
    engine.dispose()
    archive.migrate()
    assert ordered() == before


def test_trainings_of_before_do_not_tell_where_they_ran(archive: Archive, url: str, plan: Plan) -> None:
    search = Searching.started(archive, plan)
    search.go(2)
    (before,) = archive.trainings(search.job_id, 1)
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0016")
    engine.dispose()
    archive.migrate()
    (after,) = archive.trainings(search.job_id, 1)
    assert before.execution is not None
    assert after == replace(before, execution=None)


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, for a test to add to."""
    return shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def changed_tables() -> sa.MetaData:
    """The tables with a new column, a new table and a column of another type."""
    tables = sa.MetaData()
    for table in JobRecord.metadata.tables.values():
        table.to_metadata(tables)
    tables.tables["jobs"].append_column(sa.Column("note", sa.Text))
    tables.tables["jobs"].c.runner.type = sa.String(200)
    sa.Table("notes", tables, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
    return tables


def test_a_new_migration_leads_to_the_changed_tables_and_back(
    url: str, folder: Path, changed_tables: sa.MetaData
) -> None:
    latest = sorted(path.name for path in (folder / "versions").glob("*.py"))[-1]
    written = new_migration("notes_of_jobs", folder, changed_tables)
    assert written.name == f"{int(latest[:4]) + 1:04d}_notes_of_jobs.py"
    assert written.read_text().startswith('"""Notes of jobs."""')
    engine = sa.create_engine(database_url(url))
    config = migration_config(folder)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    assert difference(url, changed_tables) == []
    assert difference(url) != []
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, latest[:4])
    engine.dispose()
    assert difference(url) == []


def test_tables_without_a_change_need_no_migration(folder: Path) -> None:
    before = sorted((folder / "versions").iterdir())
    with pytest.raises(ValueError, match="does not differ"):
        new_migration("nothing_new", folder)
    assert [path for path in sorted((folder / "versions").iterdir()) if path.suffix == ".py"] == [
        path for path in before if path.suffix == ".py"
    ]


@pytest.mark.parametrize("name", ["", "No", "../up", "a b", "1st_thing"])
def test_a_migration_has_a_plain_name(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        new_migration(name, folder)
