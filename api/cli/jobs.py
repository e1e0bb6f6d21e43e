"""The commands that call a running service: submit, jobs, frontier, candidate, inject, export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.local import GenomeArgument
from api.cli.output import (
    BAD_INPUT,
    FAILED,
    AsJson,
    duration,
    fail,
    measured,
    quality,
    scaled,
    show_facts,
    show_json,
    show_table,
)
from api.cli.overrides import plan_changes

app = typer.Typer()

Url = Annotated[str, typer.Option("--url", envvar="STAR_URL", help="Address of the service.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="A candidate's number.", min=1)]
Key = Annotated[str | None, typer.Option("--idempotency-key", help="A repeat with the same key creates nothing new.")]
DEFAULT_URL = "http://127.0.0.1:8765"


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


@app.command()
def frontier(job: JobArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the candidates of a search that no other candidate dominates."""
    with calling(url) as service:
        objectives = service.get(f"/v1/jobs/{job}")["plan"]["objectives"]
        found = service.get(f"/v1/jobs/{job}/frontier")
    if as_json:
        show_json(found)
        return
    ranked = sorted(found["candidates"], key=lambda one: one["metrics"].get(objectives[0], 0.0))
    rows = [
        [str(one["number"]), *(measured(o, one["metrics"]) for o in objectives), one["baseline"] or one["genome"]]
        for one in ranked
    ]
    show_table("Frontier", ("candidate", *objectives, "genome"), rows)


@app.command()
def candidate(job: JobArgument, number: NumberArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Show a candidate: its genome, its metrics, its parents and its trainings."""
    with calling(url) as service:
        found = service.get(f"/v1/jobs/{job}/candidates/{number}")
        objectives = [] if as_json else service.get(f"/v1/jobs/{job}")["plan"]["objectives"]
    if as_json:
        show_json(found)
        return
    metrics = [name for name in found["metrics"] if not name.endswith("_stderr")]
    names = ("number", "state", "genome", "variation", "parents", "frontier", "tokens", "seeds")
    facts = [(name, str(found[name])) for name in names]
    facts += [(name, measured(name, found["metrics"])) for name in metrics]
    given = found["inherited"]
    facts += [("inherited", f"{given['livs']} LIVs of candidate {given['candidate']}")] if given else []
    facts += [("failure", f"{found['failure']}: {found['detail']}")] if found["failure"] else []
    show_facts([*facts, ("LIVs", ", ".join(liv["name"] for liv in found["blueprint"]))])
    metric = quality(objectives)
    columns = ("purpose", "tokens", "seed", "state", metric, "seconds")
    typer.echo()
    show_table("Trainings", columns, [_training_row(one, metric) for one in found["trainings"]])


@app.command()
def inject(
    job: JobArgument,
    genome: GenomeArgument,
    by: Annotated[str, typer.Option(help="Who asks; shown at the candidate.")] = "",
    key: Key = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask a search to train a genome, before anything else and beside the candidates of its plan."""
    with calling(url) as service:
        headers = {"Idempotency-Key": key} if key else None
        found = service.post(f"/v1/jobs/{job}/candidates", {"genome": genome, "by": by}, headers)
    if as_json:
        show_json(found)
    else:
        show_facts((name, str(found[name] or "-")) for name in ("genome", "digest", "by", "candidate"))


@app.command()
def export(
    job: JobArgument,
    number: NumberArgument,
    to: Annotated[Path, typer.Option(help="Directory to unpack into.")] = Path(),
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Download a trained candidate as a folder that `star.load` reads."""
    with calling(url) as service:
        folder = service.export(job, number, to)
    files = sorted(path.name for path in folder.iterdir())
    if as_json:
        show_json({"folder": str(folder), "files": files})
    else:
        show_facts([("folder", str(folder)), ("files", ", ".join(files))])


@contextmanager
def calling(url: str) -> Iterator[Any]:
    """Yield a client of the service at a URL. Its errors end the command with one line."""
    from api.client import ServiceError, Star

    try:
        with Star(url) as service:
            yield service
    except ServiceError as error:
        fail(str(error), BAD_INPUT if error.refused else FAILED)
    except OSError as error:
        fail(str(error), FAILED)


def _job_row(job: dict[str, Any]) -> list[str]:
    done = f"{job['done']}/{job['candidates_total']}" + (f" ({job['failed']} failed)" if job["failed"] else "")
    volume = f"{job['hypervolume']:.4f}"
    left = duration(job["seconds_left"])
    return [job["id"], job["name"], job["state"], done, str(job["frontier_size"]), volume, left]


def _trainings(job: dict[str, Any]) -> str:
    return f"{job['outcomes']} with {scaled(job['tokens'])} tokens"


def _training_row(training: dict[str, Any], metric: str) -> list[str]:
    state = training["failure"] or training["state"]
    again = f" (attempt {training['attempt']})" if training["attempt"] > 1 else ""
    value, seconds = measured(metric, training["metrics"]), f"{training['seconds']:.1f}"
    return [training["purpose"], f"{training['tokens']:,}", str(training["seed"]), state + again, value, seconds]


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
