"""The command `star`. Every command imports what it needs when it runs, so that `star --help` answers at once."""

from __future__ import annotations

import typer

from api import commands_jobs, commands_local, commands_server

app = typer.Typer(
    name="star",
    help="Synthesis of tailored architectures: search sequence models, and take the winners out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (commands_server, commands_jobs, commands_local):
    app.add_typer(commands.app)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
