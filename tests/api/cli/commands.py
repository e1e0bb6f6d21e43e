"""The command `star` called inside the test's process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from api.cli.main import app


def run(*arguments: str | int | Path, status: int = 0) -> Result:
    """Run a command and require its exit status."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result
