"""The commands for searches: submit and jobs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.output import AsJson, duration, scaled, show_facts, show_json, show_table
from api.cli.overrides import plan_changes
from api.cli.service.calling import DEFAULT_URL, Key, Url, calling

app = typer.Typer()


@app.command()
def submit(
    preset: Annotated[str, typer.Option(help="The plan to start from; GET /v1/presets lists them.")] = "laptop",
    plan: Annotated[
        str | None, typer.Option(help="JSON file of changes to the preset; - reads standard input.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one field, as in budget.steps=50.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the search in lists.")] = "",
    priority: Annotated[int, typer.Option(help="Each step doubles the share of the time.", min=-3, max=3)] = 0,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; may be repeated.")] = None,
    key: Key = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Submit a search."""
    changes = plan_changes(plan, change or [])
    body = {"preset": preset, "name": name, "priority": priority, "tags": tags or [], "plan": changes}
    with calling(url) as service:
        job = service.post("/v1/jobs", body, {"Idempotency-Key": key} if key else None)
        show_job(job, as_json, f"{service.url}/jobs/{job['id']}")


@app.command()
def jobs(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Show this job only, with its details.")] = None,
    page_size: Annotated[int, typer.Option(min=1, help="Rows of a page.")] = 50,
    page_token: Annotated[str | None, typer.Option(help="Token printed under the previous page.")] = None,
    tag: Annotated[str | None, typer.Option(help="List only searches with this tag.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List searches, newest first, or show one."""
    with calling(url) as service:
        if job is not None:
            show_job(service.get(f"/v1/jobs/{job}"), as_json, f"{service.url}/jobs/{job}")
            return
        page = service.get("/v1/jobs", page_size=page_size, page_token=page_token, tag=tag)
    if as_json:
        show_json(page)
        return
    columns = ("job", "name", "state", "done", "frontier", "hypervolume", "time left")
    show_table("Searches", columns, [_job_row(one) for one in page["jobs"]])
    if page["next_page_token"]:
        typer.echo(f"more: --page-token {page['next_page_token']}")


def _job_row(job: dict[str, Any]) -> list[str]:
    done = f"{job['done']}/{job['candidates_total']}" + (f" ({job['failed']} failed)" if job["failed"] else "")
    volume = f"{job['hypervolume']:.4f}"
    left = duration(job["seconds_left"])
    return [job["id"], job["name"], job["state"], done, str(job["frontier_size"]), volume, left]


def _trainings(job: dict[str, Any]) -> str:
    return f"{job['outcomes']} with {scaled(job['tokens'])} tokens"


def show_job(job: dict[str, Any], as_json: bool, page: str) -> None:
    """Print a search: its progress, and the address of its page."""
    if as_json:
        show_json(job)
        return
    names = ("job", "name", "state", "done", "frontier", "hypervolume", "time left")
    facts = [*zip(names, _job_row(job), strict=True), ("trainings", _trainings(job))]
    stored = f"{scaled(job['weights_bytes'])}B of weights, {scaled(job['checkpoints_bytes'])}B of checkpoints"
    facts += [("stored", stored)]
    facts += [("tags", " ".join(job["tags"]))] if job["tags"] else []
    facts += [("attempts lost", str(job["lost"]))] if job["lost"] else []
    show_facts([*facts, *([("why", job["why"])] if job["why"] else []), ("page", page)])
