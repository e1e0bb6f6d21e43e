"""The honest finish of a search: winners and baselines on seeds that the search never used."""

from __future__ import annotations

from typing import Any

import typer

from api.cli.output import AsJson, measured, show_json, show_table
from api.cli.service.calling import DEFAULT_URL, JobArgument, Url, calling

app = typer.Typer()

NONE = "the plan of this search asks for no honest finish"
NOT_BEGUN = "the honest finish has not begun: it follows the search"

READING = """\
A percentage with a verdict is the probability of being truly better than the baseline. A difference is clear if it is
more than two standard errors. All were trained from scratch, on seeds that the search never used."""

OPPOSITES = {"fewer": "more", "smaller": "larger", "faster": "slower", "shorter": "longer"}

TIMES = 10
"""Factor from which an increase is written as a factor and not as a percentage."""


@app.command()
def finish(job: JobArgument, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Show the honest finish: which winners beat the baselines on seeds that the search never used."""
    with calling(url) as service:
        found = service.get(f"/v1/jobs/{job}/finish")
        objectives = [] if as_json else service.get(f"/v1/jobs/{job}")["plan"]["objectives"]
    if as_json:
        show_json(found)
    elif found["finalists"]:
        show_finish(found, objectives)
    else:
        typer.echo(NOT_BEGUN if found["seeds"] else NONE)


def show_finish(found: dict[str, Any], objectives: list[str]) -> None:
    """Print the best winner in a sentence, and a table: a row for each finalist and for each of its comparisons."""
    bases = {one["number"]: one for one in found["finalists"] if one["baseline"]}
    rows = []
    for one in found["finalists"]:
        seeds = f"{one['seeds']} of {found['seeds']}" + (f", {one['failed']} failed" if one["failed"] else "")
        means = [measured(name, one["metrics"]) for name in objectives]
        rows.append([str(one["number"]), seeds, *means, one["baseline"] or one["genome"]])
        for number in dict.fromkeys(row["baseline"] for row in one["against"]):
            words = {row["metric"]: in_words(row, bases[number]) for row in one["against"] if row["baseline"] == number}
            rows.append([f"  against {bases[number]['baseline']}", "", *(words[name] for name in objectives), ""])
    show_table("Honest finish", ("candidate", "seeds", *objectives, "genome"), rows)
    typer.echo(_headline(found, objectives[0], bases))
    typer.echo(READING)


def in_words(compared: dict[str, Any], base: dict[str, Any]) -> str:
    """Write a comparison: the probability of being better with a verdict; for a static metric the exact difference."""
    from evaluator.metrics import STATIC

    name, difference, probability = compared["metric"], compared["difference"], compared["probability"]
    if name in STATIC:
        return _exact(name, difference, base["metrics"][name])
    if probability is None:
        return "noise not known"
    verdict = ("clear lead" if difference < 0 else "clearly behind") if compared["clear"] else "within the noise"
    return f"{_chance(probability)}, {verdict}"


def _headline(found: dict[str, Any], objective: str, bases: dict[int, dict[str, Any]]) -> str:
    winners = [one for one in found["finalists"] if not one["baseline"]]
    if not winners:
        return "The finish has no candidates other than baselines."
    best = next((one for one in winners if one["seeds"]), None)
    if best is None:
        return "No winner has a result."
    said = [
        f"The best winner by {objective} is candidate {best['number']} with {measured(objective, best['metrics'])}."
    ]
    for row in best["against"]:
        if row["metric"] == objective:
            base = bases[row["baseline"]]
            said.append(f"Against {base['baseline']}: {in_words(row, base)}.")
    return " ".join(said)


def _chance(probability: float) -> str:
    """Write a probability as a percentage that is never rounded to certainty."""
    if probability > 0.999:
        return "> 99.9 %"
    if probability < 0.001:
        return "< 0.1 %"
    return f"{100 * probability:.{1 if probability > 0.99 or probability < 0.01 else 0}f} %"


def _exact(name: str, difference: float, base: float) -> str:
    from evaluator.tasks import registry

    if difference == 0:
        return "equal"
    known = registry.metrics().get(name)
    better = known.better if known else "smaller"
    word = better if difference < 0 else OPPOSITES.get(better, "larger")
    share = abs(difference) / base if base > 0 else 0.0
    if share == 0:
        return word
    if difference > 0 and 1 + share >= TIMES:
        return f"{1 + share:.3g} times as much"
    if share < 0.001:
        return f"< 0.1 % {word}"
    if 0.99 < share < 1:
        return f"> 99 % {word}"
    return f"{100 * share:.{1 if share < 0.1 else 0}f} % {word}"
