"""The command that plans the training of a genome at another width and depth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.output import AsJson, fail, reason, scaled, show_facts, show_json, show_table
from api.cli.overrides import plan_changes
from genome.growing import Growth

app = typer.Typer()

ROWS = {
    "width": "width",
    "head_dim": "head_dim",
    "livs": "LIVs",
    "parameters": "parameters",
    "parameters_without_embedding": "without embedding",
    "cache_bytes": "cache bytes",
    "state_bytes": "fixed state",
    "flops_per_token": "FLOPs per token",
}


@app.command()
def grow(
    source: Annotated[
        str, typer.Argument(metavar="FOLDER|GENOME", help="A folder of `star train` or of an export, or a genome.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder that gets the plan.")],
    width: Annotated[int | None, typer.Option(min=1, max=65536, help="Channels of the residual stream.")] = None,
    head_dim: Annotated[int | None, typer.Option(min=1, max=4096, help="Channels of a head.")] = None,
    depth_factor: Annotated[int | None, typer.Option(min=1, max=256, help="Copies of each LIV.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, max=256, help="LIVs: a multiple of those that it has.")] = None,
    how: Annotated[
        Growth, typer.Option(help="Order of the copies: the whole stack again (ABAB), or each LIV again (AABB).")
    ] = Growth.REPEAT,
    preset: Annotated[
        str | None, typer.Option(help="The plan that a GENOME starts from; `laptop` if not given.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="JSON file of changes to it; - reads standard input.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change one field, as in budget.steps=50.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan the training of a genome at another width and depth, with fresh weights and rates scaled by muP."""
    from api import growing, training

    if depth is not None and depth_factor is not None:
        fail("give --depth or --depth-factor, not both")
    larger = growing.Larger(width, head_dim, depth_factor or 1, depth, how)
    try:
        small, large = growing.plans(source, preset, plan_changes(plan, change or []), larger)
        found = growing.document(to, small, large)
        training.begin(to, large)
    except (ValueError, OSError) as error:
        fail(reason(error))
    if as_json:
        show_json(found)
    else:
        _show(found, to)


def _show(found: dict[str, Any], folder: Path) -> None:
    before, after = found["before"], found["after"]
    rows = [[name, *(_value(key, size[key]) for size in (before, after))] for key, name in ROWS.items()]
    show_table("", ("", "before", "after"), rows)
    typer.echo(f"\n{after['genome']}\n")
    budget, factors = found["budget"], found["rate_factors"]
    rates = budget["rates"] or [budget["learning_rate"]]
    show_facts(
        [
            ("optimizer", budget["optimizer"]),
            ("learning rate", ", ".join(f"{rate:.3g}" for rate in rates)),
            ("chosen at width", str(budget["base_width"] or after["width"])),
            ("of weights times", f"{factors['weights']:.3g}, of hidden matrices {factors['matrices']:.3g}"),
            ("steps", f"{budget['steps']:,} of {budget['batch']} × {budget['length']} tokens"),
        ]
    )
    typer.echo(f"\nthe weights will be fresh; `star train --resume --to {folder}` trains them")


def _value(key: str, value: int) -> str:
    return str(value) if key in ("width", "head_dim", "livs") else scaled(value)
