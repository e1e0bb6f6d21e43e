"""Writes the migration that brings the tables from the latest revision to `tables.py`.

Run it as `python -m search.archive.schema.new_migration NAME` after a change of `tables.py`; read the new file in
`migrations/versions` before it is committed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from sqlalchemy import MetaData

from search.archive.schema import service_tables, tables  # noqa: F401 - each adds its tables to those of Record
from search.archive.schema.engine import MIGRATIONS, database_url, migration_config, open_engine
from search.archive.schema.record import Record

NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")


def new_migration(name: str, folder: Path = MIGRATIONS, wanted: MetaData = Record.metadata) -> Path:
    """Compare a migrated, empty SQLite database with `wanted`, and write the difference as the next revision.

    Args:
        name: the end of the file's name, in lower case with underscores.
        folder: the folder of `env.py` and `versions`.

    Returns:
        The path of the new file, `versions/<revision>_<name>.py`.

    Raises:
        ValueError: the name is not legal, or the tables do not differ from the latest revision.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"NAME must be 3 to 40 lower-case letters, digits and underscores, not {name!r}")
    revision = f"{len(list((folder / 'versions').rglob('[0-9]*.py'))) + 1:04d}"
    with TemporaryDirectory() as scratch:
        engine = open_engine(database_url(f"sqlite:///{scratch}/empty.db"), writes=True)
        config = migration_config(folder)
        config.attributes["tables"] = wanted
        title = name.replace("_", " ").capitalize()
        try:
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                command.revision(config, title, True, rev_id=revision, process_revision_directives=_drop_empty)
        finally:
            engine.dispose()
    written = folder / "versions" / f"{revision}_{name}.py"
    if not written.is_file():
        raise ValueError("tables.py does not differ from the latest revision, so there is nothing to migrate")
    return written


def _drop_empty(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Write no file for a migration without operations."""
    if directives[0].upgrade_ops.is_empty():
        directives.clear()


def main() -> None:
    """Write the migration that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m search.archive.schema.new_migration NAME")
    try:
        written = new_migration(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{written}\n")


if __name__ == "__main__":
    main()
