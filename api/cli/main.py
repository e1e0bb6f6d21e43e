"""The command `star`. Commands import heavy packages when they run, so that `star --help` is fast."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from api.cli import analyse as commands_analyse
from api.cli import check as commands_check
from api.cli import distil as commands_distil
from api.cli import grow as commands_grow
from api.cli import local as commands_local
from api.cli import operating as commands_operating
from api.cli import server as commands_server
from api.cli import train as commands_train
from api.cli.service import candidates as commands_candidates
from api.cli.service import finish as commands_finish
from api.cli.service import jobs as commands_jobs
from api.cli.service import steer as commands_steer
from api.cli.service import webhooks as commands_webhooks

app = typer.Typer(
    name="star",
    help="Synthesis of tailored architectures: search for sequence models and export the winners.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    commands_server,
    commands_operating,
    commands_jobs,
    commands_candidates,
    commands_steer,
    commands_finish,
    commands_webhooks,
    commands_local,
    commands_distil,
    commands_train,
    commands_grow,
    commands_check,
    commands_analyse,
)
for commands in COMMANDS:
    app.add_typer(commands.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("star-synthesis"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options of `star` itself."""


def main() -> None:
    """Run a command. An error in its arguments is reported in one line."""
    try:
        status = app(standalone_mode=False)
    except TyperException as error:
        typer.echo(error.format_message() if len(sys.argv) == 1 else f"star: {error.format_message()}", err=True)
        status = error.exit_code
    except typer.Abort:
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
