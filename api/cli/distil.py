"""The command that turns the long filters of an exported model into recurrences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.output import FAILED, AsJson, fail, scaled, show_facts, show_json, show_table

app = typer.Typer()


@app.command()
def distil(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An exported model that `star.load` reads.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder that is written.")],
    order: Annotated[
        int | None,
        typer.Option(help="State of each channel: 4, 8, 16, 32 or 64; by default the smallest within the error."),
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="Taps that are fitted; by default the length of the training, else 2,048.")
    ] = None,
    most_error: Annotated[
        float, typer.Option("--most-error", help="Largest relative l2 error of the impulse responses of a LIV.")
    ] = 1e-2,
    as_json: AsJson = False,
) -> None:
    """Fit long filters by recurrences, so that the cache stops growing with them. Exit with 1 on a large error."""
    import star  # imports torch, which takes seconds

    try:
        found = star.distil(folder, to, order, length, most_error)
    except star.DistilError as error:
        fail(str(error), FAILED)
    except (ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        show_json({"folder": str(to), **found})
    else:
        _show(to, found)


def _show(folder: Path, found: dict[str, Any]) -> None:
    logits, cache = found["logits"], found["cache_bytes"]
    at = f"bytes at {cache['tokens']:,} tokens"
    columns = ("LIV", "class", "becomes", "order", "error", "worst filter", "cache before", "cache after")
    rows = [
        [
            str(liv["position"] + 1),
            liv["name"],
            liv["becomes"],
            str(liv["order"]),
            f"{liv['taps_error']:.2g}",
            f"{liv['worst_filter_error']:.2g}",
            scaled(liv["cache_bytes_before"]),
            scaled(liv["cache_bytes_after"]),
        ]
        for liv in found["livs"]
    ]
    show_table("", columns, rows)
    show_facts(
        [
            ("folder", str(folder)),
            ("taps", f"{found['length']:,}"),
            (
                "logits",
                f"differ by {logits['relative_rms']:.2g} of their RMS, {logits['largest_difference']:.2g} at most",
            ),
            ("cache", f"{scaled(cache['before'])} before, {scaled(cache['after'])} after, {at}"),
        ]
    )
