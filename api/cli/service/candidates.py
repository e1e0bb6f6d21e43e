"""The commands for candidates: lists of them, one of them, its relatives, inject and export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.local import ExportFormat, GenomeArgument, show_folder
from api.cli.output import AsJson, measured, quality, show_facts, show_json, show_table
from api.cli.service.calling import DEFAULT_URL, JobArgument, Key, NumberArgument, Url, calling
from evaluator.evaluation import Failure
from search.archive.values import CandidateState

app = typer.Typer()


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
def candidates(
    job: JobArgument,
    sort: Annotated[str, typer.Option(help="number, finished_at or an objective; after - largest first.")] = "number",
    state: Annotated[CandidateState | None, typer.Option(help="List only candidates in this state.")] = None,
    failure: Annotated[Failure | None, typer.Option(help="List only candidates that failed for this reason.")] = None,
    contains: Annotated[str | None, typer.Option(metavar="CLASS", help="List only candidates with this class.")] = None,
    frontier: Annotated[
        bool | None, typer.Option("--frontier/--dominated", help="List only the frontier, or only the others.")
    ] = None,
    page_size: Annotated[int, typer.Option(min=1, help="Rows of a page.")] = 50,
    page_token: Annotated[str | None, typer.Option(help="Token printed under the previous page.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List the candidates of a search, all or some, in the order of a column."""
    sought = {"sort": sort, "state": state, "failure": failure, "contains": contains, "frontier": frontier}
    page = {"page_size": page_size, "page_token": page_token}
    _list("Candidates", job, f"/v1/jobs/{job}/candidates", {**sought, **page}, url, as_json)


@app.command()
def children(
    job: JobArgument,
    number: NumberArgument,
    page_size: Annotated[int, typer.Option(min=1, help="Rows of a page.")] = 50,
    page_token: Annotated[str | None, typer.Option(help="Token printed under the previous page.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List the candidates that have a candidate as a parent."""
    path, page = f"/v1/jobs/{job}/candidates/{number}/children", {"page_size": page_size, "page_token": page_token}
    _list("Children", job, path, page, url, as_json)


@app.command()
def ancestors(
    job: JobArgument,
    number: NumberArgument,
    generations: Annotated[int, typer.Option(min=1, max=100, help="The largest number of generations back.")] = 20,
    most: Annotated[int, typer.Option(min=1, max=500, help="The largest number of ancestors.")] = 100,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """List the ancestors of a candidate by generation, back to the founders of its line."""
    path, bounds = f"/v1/jobs/{job}/candidates/{number}/ancestors", {"generations": generations, "most": most}
    _list("Ancestors", job, path, bounds, url, as_json, ("generation",))


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
    form: ExportFormat = "folder",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Download a trained candidate, by default as a folder that `star.load` reads."""
    with calling(url) as service:
        folder = service.export(job, number, to, format=form)
    show_folder(folder, as_json)


def _list(
    title: str,
    job: str,
    path: str,
    parameters: Mapping[str, Any],
    url: str,
    as_json: bool,
    columns: tuple[str, ...] = (),
) -> None:
    """Print candidates: their number, further columns, their state, the job's objectives and the genome."""
    with calling(url) as service:
        found = service.get(path, **parameters)
        objectives = [] if as_json else service.get(f"/v1/jobs/{job}")["plan"]["objectives"]
    if as_json:
        show_json(found)
        return
    rows = [
        [
            *(str(one[name]) for name in ("number", *columns)),
            one["failure"] or one["state"],
            *(measured(name, one["metrics"]) for name in objectives),
            one["genome"],
        ]
        for one in found["candidates"]
    ]
    show_table(title, ("candidate", *columns, "state", *objectives, "genome"), rows)
    if found.get("next_page_token"):
        typer.echo(f"more: --page-token {found['next_page_token']}")
    if not found.get("complete", True):
        typer.echo("there are older ancestors; --generations and --most are bounds")


def _training_row(training: dict[str, Any], metric: str) -> list[str]:
    state = training["failure"] or training["state"]
    again = f" (attempt {training['attempt']})" if training["attempt"] > 1 else ""
    value, seconds = measured(metric, training["metrics"]), f"{training['seconds']:.1f}"
    return [training["purpose"], f"{training['tokens']:,}", str(training["seed"]), state + again, value, seconds]
