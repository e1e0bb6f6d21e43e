"""The command `star doctor`: what is wrong with an installation, and what to do."""

from __future__ import annotations

from dataclasses import asdict

import typer

from api.cli.output import FAILED, AsJson, show_json
from api.cli.server import Artifacts, Database, settings_of

app = typer.Typer()


@app.command()
def doctor(database: Database = None, artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """Examine database, artifacts, disk, compiler, GPU and Ray; the status is 1 if a search could not run."""
    from api.process.checkup import Health, examined

    findings = []
    for one in examined(settings_of(database_url=database, artifacts=artifacts)):
        findings.append(one)
        if not as_json:
            typer.echo(f"{one.health:<8} {one.part:<10} {one.found}")
            if one.advice:
                typer.echo(f"{'':<8} {'':<10} -> {one.advice}")
    if as_json:
        show_json([asdict(one) for one in findings])
    if any(one.health is Health.FAILURE for one in findings):
        raise typer.Exit(FAILED)
