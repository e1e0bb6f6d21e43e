"""The commands for webhooks: `star webhooks` creates, lists and deletes them, and shows their messages."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import AsJson, show_json, show_table
from api.cli.service.calling import DEFAULT_URL, Url, calling

app = typer.Typer()
webhooks = typer.Typer(
    no_args_is_help=True,
    help="Create, list and delete webhooks: addresses that get a signed message when a search ends.",
)
app.add_typer(webhooks, name="webhooks")

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the webhook, as `star webhooks list` shows.")]


@webhooks.command()
def create(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="URL that gets the messages by POST; https.")],
    put_off_after: Annotated[
        int | None, typer.Option(min=1, max=100, help="Tell also when a search was put off so many times in a row.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Create a webhook. The secret of its signatures is shown this once."""
    with calling(url) as service:
        made = service.create_webhook(address, put_off_after=put_off_after)
    if as_json:
        show_json(made.model_dump(mode="json"))
        return
    typer.echo(made.secret)
    typer.echo(f"The webhook {made.id} exists. This secret, with which its receiver checks signatures,", err=True)
    typer.echo("is shown once; docs/service/running.md has the check.", err=True)


@webhooks.command("list")
def list_(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List all webhooks, without their secrets."""
    with calling(url) as service:
        found = service.webhooks()
    _show("Webhooks", ("id", "url", "put_off_after", "created_at"), found, as_json)


@webhooks.command()
def messages(webhook: WebhookArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the latest 100 messages of a webhook, newest first, and what became of them."""
    with calling(url) as service:
        found = service.messages(webhook)
    columns = ("id", "type", "job_id", "state", "attempts", "answer", "created_at", "next_at")
    _show("Messages", columns, found, as_json)


@webhooks.command()
def delete(webhook: WebhookArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Delete a webhook with the messages that wait."""
    with calling(url) as service:
        service.delete_webhook(webhook)
    if as_json:
        show_json({"deleted": webhook})
    else:
        typer.echo(f"the webhook {webhook} is deleted")


def _show(title: str, columns: tuple[str, ...], found: list[Any], as_json: bool) -> None:
    rows = [one.model_dump(mode="json") for one in found]
    if as_json:
        show_json(rows)
    else:
        cells = [["-" if row[name] in (None, "") else str(row[name]) for name in columns] for row in rows]
        show_table(title, [name.removesuffix("_at") for name in columns], cells)
