"""The commands that steer a search: pause, resume, cancel, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.output import FAILED, AsJson, show_json
from api.cli.service.calling import DEFAULT_URL, JobArgument, NumberArgument, Url, calling
from api.cli.service.jobs import show_job

app = typer.Typer()


@app.command()
def pause(job: JobArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Pause a search: candidates under way finish, no others begin."""
    _act("pause", job, url, as_json)


@app.command()
def resume(job: JobArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Resume a paused or failed search where it was."""
    _act("resume", job, url, as_json)


@app.command()
def cancel(job: JobArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Cancel a search. It cannot be resumed; its results are kept."""
    _act("cancel", job, url, as_json)


@app.command()
def delete(
    job: JobArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Delete a search that has ended, with its weights and exports, for good."""
    if not yes and not typer.confirm(
        f"Delete search {job} with its candidates, weights and exports for good?", err=True
    ):
        raise typer.Exit(FAILED)
    with calling(url) as service:
        service.delete(job)
    if as_json:
        show_json({"deleted": job})
    else:
        typer.echo(f"search {job} is deleted")


@app.command()
def retry(job: JobArgument, number: NumberArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a search to train a failed candidate again, with another seed."""
    with calling(url) as service:
        found = service.post(f"/v1/jobs/{job}/candidates/{number}/retry")
    if as_json:
        show_json(found)
    else:
        typer.echo(f"search {job} will train candidate {number} again")


def _act(action: str, job: str, url: str, as_json: bool) -> None:
    with calling(url) as service:
        show_job(service.post(f"/v1/jobs/{job}/{action}"), as_json, f"{service.url}/jobs/{job}")
