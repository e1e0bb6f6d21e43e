"""Engines for SQLite and PostgreSQL that many processes may share, and the migrations."""

from __future__ import annotations

import fcntl
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic_core import from_json
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import Double

from search.archive.errors import SchemaError

MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"

BUSY_SECONDS = 30
"""Seconds that SQLite waits for another writer before it raises."""

TRUSTED_SECONDS = 1.0
"""Seconds after its last use during which a connection counts as alive. Asking each time would double the requests."""

CONNECT_SECONDS = 10
"""Seconds in which a PostgreSQL server must accept a connection, unless the URL has a `connect_timeout`."""

MIGRATION_LOCK, EVENT_LOCK = 0x57A4_0001, 0x57A4_0002
"""Keys of PostgreSQL advisory locks, held while a process migrates and while it writes an event."""

DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

LEGAL = "legal: sqlite:///path, postgresql://user:password@host/name"

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""Errors that say that the database did not answer; the same call may succeed later."""


class now(FunctionElement[float]):  # noqa: N801 -- a SQL function, written like one
    """Seconds since 1970-01-01T00:00Z by the clock of the database, which all processes share."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(_element: now, _compiler: SQLCompiler, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql_now(_element: now, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


def database_url(url: str) -> URL:
    """Return the parsed URL with the driver that STAR uses.

    Raises:
        ValueError: the URL names no SQLite file and no PostgreSQL database. The message holds no part of the URL but
            its scheme, because a URL that cannot be parsed may have its password anywhere.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        raise ValueError(f"database_url is not a URL; {LEGAL}") from None
    if parsed.drivername not in DRIVERS:
        raise ValueError(f"database_url names {parsed.drivername!r}; {LEGAL}")
    if parsed.drivername == "sqlite":
        if any((parsed.host, parsed.username, parsed.password)):
            raise ValueError(f"database_url names a host or a user, which SQLite does not have; {LEGAL}")
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("database_url must name a file, because processes cannot share a database in memory")
    elif "@" in f"{parsed.host}{parsed.database}":
        raise ValueError("database_url has an @ or a / in its user or password; write them as %40 and %2F")
    return parsed.set(drivername=DRIVERS[parsed.drivername])


def open_engine(url: URL, *, writes: bool) -> Engine:
    """Return an engine for transactions that write, or one that cannot write and never waits for writers."""
    if url.get_backend_name() != "sqlite":
        options: dict[str, Any] = {} if writes else {"postgresql_readonly": True}
        patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
        engine = create_engine(url, json_deserializer=from_json, execution_options=options, connect_args=patience)
        _ask_after_a_pause(engine)
        return engine
    Path(str(url.database)).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, json_deserializer=from_json, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # otherwise the driver begins deferred transactions by itself
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON", f"query_only={'OFF' if writes else 'ON'}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes raises when another transaction wrote in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _ask_after_a_pause(engine: Engine) -> None:
    """Let a connection that was not used for a while answer before it is used, and replace it if it does not."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get("used")  # None for a new connection
        if used is None or time.monotonic() - used <= TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def migration_config(folder: Path = MIGRATIONS) -> Config:
    """Return the Alembic configuration of a folder of migrations.

    A caller sets `attributes["connection"]`, on which `env.py` runs, and for a comparison `attributes["tables"]`.
    """
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("recursive_version_locations", "true")
    return config


def migrate(engine: Engine) -> None:
    """Bring the tables up to date. Of processes that call this at the same time one works and the others wait.

    Raises:
        SchemaError: the database has a schema of a later version, and was not changed.
    """
    config = migration_config()
    with _exclusive(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        _require_known(connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schemas(engine: Engine) -> tuple[str | None, str]:
    """Return the schema of a database, None if it has no tables, and the newest one that this version knows."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), _known(migration_config())[-1]


def _known(config: Config) -> list[str]:
    return sorted(one.revision for one in ScriptDirectory.from_config(config).walk_revisions())


def _require_known(connection: Connection, config: Config) -> None:
    """Raise SchemaError when the database has a revision that is not among the migrations."""
    known = _known(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise SchemaError(
            f"the database has schema {found}, which a later version of STAR made; this version knows schemas up to "
            f"{known[-1]}; install the later version, or use another database"
        )


@contextmanager
def _exclusive(engine: Engine) -> Iterator[None]:
    """Switch a SQLite file to WAL and let one process of this machine in at a time.

    SQLite does not wait for locks during that switch, so a lock on the folder of the file orders the processes.
    PostgreSQL needs neither.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    folder = os.open(Path(str(engine.url.database)).resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            raw.close()
        yield
    finally:
        os.close(folder)
