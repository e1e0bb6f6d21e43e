"""The commands of whoever runs a service: `star keys` and `star doctor`. They work on the database itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.output import FAILED, AsJson, fail, show_json, show_table
from api.cli.server import Artifacts, Database, errors_in_one_line, settings_of
from search.archive.custody.keys import ApiKey, Scope
from search.archive.errors import NotFoundError

if TYPE_CHECKING:
    from search.archive import Archive

DAY = 86_400

app = typer.Typer()
keys = typer.Typer(
    no_args_is_help=True, help="Create, list and revoke API keys. Once there is one, each request needs one."
)
app.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who gets the key, for people to read.")],
    scope: Annotated[Scope, typer.Option(help="What it permits; each includes those before it.")] = Scope.SUBMIT,
    days: Annotated[float | None, typer.Option(min=0, help="Days until it expires; never without.")] = None,
    jobs: Annotated[int | None, typer.Option(min=0, help="Searches that may be unfinished at once.")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Requests a minute, instead of STAR_RATE.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Create a key. Its text is shown this once and stored nowhere."""
    if not name.strip() or not name.isprintable() or len(name) > 200:
        fail("NAME must be 1 to 200 printable characters")
    with errors_in_one_line():
        archive = _archive(database)
        key, text = archive.create_key(name, scope, seconds=days and days * DAY, jobs=jobs, rate=rate)
    if as_json:
        show_json({**_shown(key), "key": text})
        return
    typer.echo(text)
    typer.echo(
        "This text is shown once. Send it as `Authorization: Bearer ...`, set STAR_API_KEY, or paste it into the",
        err=True,
    )
    typer.echo("dashboard. Every request to the service needs a key from now on.", err=True)


@keys.command("list")
def list_(database: Database = None, as_json: AsJson = False) -> None:
    """List all keys, without their secrets."""
    with errors_in_one_line():
        found = [_shown(key) for key in _archive(database).api_keys()]
    if as_json:
        show_json(found)
        return
    columns = ("id", "name", "scope", "jobs", "rate", "created_at", "expires_at", "used_at", "revoked_at")
    rows = [[_written(one[name]) for name in columns] for one in found]
    show_table("Keys", [name.removesuffix("_at") for name in columns], rows)


@keys.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `star keys list` shows it.")],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good. It is refused from the next request on."""
    with errors_in_one_line():
        try:
            key = _archive(database).revoke_key(id_)
        except NotFoundError as error:
            fail(f"{error}; `star keys list` shows all")
    if as_json:
        show_json(_shown(key))
    else:
        typer.echo(f"the key {key.id} of {key.name} is revoked")


@app.command()
def doctor(database: Database = None, artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """Examine database, artifacts, disk, compiler, GPU and Ray; the status is 1 if a search could not run."""
    from api.process.checkup import Health, examined

    findings, given = [], {"database_url": database, "artifacts": artifacts}
    for one in examined(settings_of(**given), [name for name, value in given.items() if value is not None]):
        findings.append(one)
        if not as_json:
            typer.echo(f"{one.health:<8} {one.part:<10} {one.found}")
            if one.advice:
                typer.echo(f"{'':<8} {'':<10} -> {one.advice}")
    if as_json:
        show_json([asdict(one) for one in findings])
    if any(one.health is Health.FAILURE for one in findings):
        raise typer.Exit(FAILED)


def _archive(database: str | None) -> Archive:
    from search.archive import Archive

    archive = Archive(settings_of(database_url=database).database_url)
    archive.migrate()
    return archive


def _shown(key: ApiKey) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")}
    written = {name: value and value.isoformat(timespec="seconds") for name, value in times.items()}
    return {"id": key.id, "name": key.name, "scope": key.scope, "jobs": key.jobs, "rate": key.rate, **written}


def _written(value: object) -> str:
    return "-" if value is None else str(value)
