"""The commands that run processes: serve, run, migrate, demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import FAILED, AsJson, fail, reason, show_json

if TYPE_CHECKING:
    from api.process.settings import Settings

app = typer.Typer()

Database = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://... [DATABASE_URL]")]
Artifacts = Annotated[
    str | None, typer.Option(help="Place of trained weights: a directory, or a URL such as s3://... [STAR_ARTIFACTS]")
]
Exports = Annotated[Path | None, typer.Option(help="Directory of exported models. [STAR_EXPORTS]")]
Workers = Annotated[int | None, typer.Option(min=1, max=4096, help="Candidates evaluated at once. [STAR_WORKERS]")]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True, help="Stop when standard input closes.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [STAR_HOST]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one. [STAR_PORT]")] = None,
    workers: Workers = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that answer requests. [STAR_PROCESSES]")
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Listen beyond this machine without API keys. [STAR_INSECURE]")
    ] = None,
    runner: Annotated[bool, typer.Option("--runner/--no-runner", help="Run searches too, or serve only.")] = True,
    database: Database = None,
    artifacts: Artifacts = None,
    exports: Exports = None,
    supervised: Supervised = False,
    as_json: AsJson = False,
) -> None:
    """Serve the API and the dashboard, and run searches. Ctrl-C stops everything."""
    stored = {"database_url": database, "artifacts": artifacts, "exports": exports}
    settings = settings_of(host=host, port=port, workers=workers, processes=processes, insecure=insecure, **stored)
    from api.process.server import serve as start

    with errors_in_one_line():
        start(settings, runner, supervised, as_json)


@app.command()
def run(
    workers: Workers = None,
    database: Database = None,
    artifacts: Artifacts = None,
    supervised: Supervised = False,
) -> None:
    """Run queued searches, and searches whose runner has died."""
    settings = settings_of(workers=workers, database_url=database, artifacts=artifacts)
    from api.process.runner import run as start

    with errors_in_one_line():
        start(settings, supervised)


@app.command()
def migrate(database: Database = None, as_json: AsJson = False) -> None:
    """Upgrade the database to this version's schema. `serve` and `run` upgrade it too."""
    settings = settings_of(database_url=database)
    from search.archive import Archive

    with errors_in_one_line():
        Archive(settings.database_url).migrate()
    if as_json:
        show_json({"migrated": True})
    else:
        typer.echo("the database is up to date")


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=4096, envvar="WORKERS", help="Candidates evaluated at once.")] = 2,
    candidates: Annotated[int | None, typer.Option(min=1, envvar="DEMO_CANDIDATES", help="Evaluations.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, envvar="DEMO_STEPS", help="Training steps a candidate.")] = None,
    leave: Annotated[bool, typer.Option("--exit", envvar="DEMO_EXIT", help="Stop after the search.")] = False,
    folder: Annotated[Path, typer.Option(help="The demo writes into a new directory below it.")] = Path("var/demo"),
) -> None:
    """Run a search on this machine: submit, watch, export two winners, generate text."""
    from api.cli.demo import demo as start

    start(port, workers, candidates, steps, leave, folder)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """End the command with one line instead of a traceback when input, database, artifacts or address are unusable."""
    import sqlite3

    from sqlalchemy.exc import DBAPIError

    from evaluator.artifacts import ArtifactError
    from search.archive.errors import SchemaError

    try:
        yield
    except ArtifactError as error:
        fail(f"--artifacts (STAR_ARTIFACTS) must name a place that can be written: {error}")
    except ValueError as error:
        fail(str(error))
    except SchemaError as error:
        fail(str(error), FAILED)
    except (DBAPIError, sqlite3.Error) as error:  # sqlite3.Error: the file is not a database
        fail(f"the database cannot be used: {getattr(error, 'orig', error)}", FAILED)
    except OSError as error:
        fail(str(error), FAILED)


def settings_of(**given: Any) -> Settings:
    """Return the settings with what an option gave; a setting that is not legal ends the command."""
    from api.process.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        fail(reason(error))
