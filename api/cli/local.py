"""The commands that need no service, cost, catalogue and convert, and the options that other commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.output import AsJson, fail, scaled, show_facts, show_json, show_table

app = typer.Typer()

GenomeArgument = Annotated[str, typer.Argument(metavar="GENOME", help="A genome: 1.1.1.1.1-9.1.1.1.1 or 11111-91111.")]
Width = Annotated[int, typer.Option(min=1, max=65536, help="Channels of the residual stream.")]
HeadDim = Annotated[
    int | None,
    typer.Option(min=1, max=4096, help="Channels of a head; by default up to 64, as many as leave four heads."),
]
Window = Annotated[int, typer.Option(min=1, max=2**20, help="Tokens that a banded operator reaches.")]
Vocab = Annotated[int, typer.Option(min=1, max=1_000_000, help="Size of the vocabulary.")]

ExportFormat = Annotated[str, typer.Option("--format", metavar="NAME", help="Format of the export; docs/export.md.")]


@app.command()
def cost(
    genome: GenomeArgument,
    width: Width = 64,
    context: Annotated[int, typer.Option(min=1, max=2**24, help="Tokens at which the cache is counted.")] = 4096,
    head_dim: HeadDim = None,
    vocab: Vocab = 256,
    window: Window = 64,
    as_json: AsJson = False,
) -> None:
    """Predict the parameters, cache and FLOPs of a genome without building it."""
    from api.costs import cost_of_text, shape_for

    try:
        found = cost_of_text(genome, shape_for(width, head_dim, vocab, window), context)
    except ValueError as error:
        fail(str(error))
    if as_json:
        show_json(found)
        return
    show_facts((name, str(found[name])) for name in ("genome", "width", "head_dim", "vocab", "window", "context"))
    keys = ("parameters", "cache_bytes", "state_bytes", "flops_per_token")
    rows = [[str(n), liv["name"], *(scaled(liv[key]) for key in keys)] for n, liv in enumerate(found["livs"], 1)]
    total = ["", "total", *(scaled(found[key]) for key in keys)]
    show_table("", ("LIV", "class", "parameters", "cache bytes", "fixed state", "FLOPs per token"), [*rows, total])


@app.command()
def catalogue(as_json: AsJson = False) -> None:
    """List the LIV classes that a genome may name."""
    from api.web.routes.catalogue import rows

    found = rows()
    if as_json:
        show_json(found)
        return
    columns = ("id", "name", "digits", "structure", "state", "decode_flops", "description", "source")
    shown = [
        row | {"digits": ".".join(map(str, row["digits"])), "decode_flops": scaled(row["decode_flops"])}
        for row in found
    ]
    show_table("LIV classes", columns, [[str(row[column]) for column in columns] for row in shown])


@app.command()
def convert(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An exported model that `star.load` reads.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder that is written.")],
    form: ExportFormat = "folder",
    as_json: AsJson = False,
) -> None:
    """Write an exported model in another format."""
    import star  # imports torch, which takes seconds

    try:
        written = star.convert(folder, to, form)
    except (ValueError, OSError) as error:
        fail(str(error))
    show_folder(written, as_json)


def show_folder(folder: Path, as_json: bool) -> None:
    """Print the path of a folder and those of all files in it."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if as_json:
        show_json({"folder": str(folder), "files": files})
    else:
        show_facts([("folder", str(folder)), ("files", ", ".join(files))])
