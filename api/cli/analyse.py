"""The command that measures the effective state size of a model on real text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.local import HeadDim
from api.cli.output import AsJson, fail, show_facts, show_json, show_table

if TYPE_CHECKING:
    from star import Backbone

app = typer.Typer()

DEFAULT_WIDTH, DEFAULT_WINDOW = 64, 64


@app.command()
def analyse(
    genome: Annotated[
        str | None, typer.Argument(metavar="[GENOME]", help="The genome to build with fresh weights.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FOLDER", help="Analyse an exported trained model instead.")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help=f"Channels of the residual stream; {DEFAULT_WIDTH} if not given."),
    ] = None,
    head_dim: HeadDim = None,
    window: Annotated[
        int | None,
        typer.Option(min=1, max=2**20, help=f"Tokens that a banded operator reaches; {DEFAULT_WINDOW} if not given."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the fresh weights; 0 if not given.")] = None,
    length: Annotated[
        int, typer.Option(min=2, max=512, help="Tokens of a sequence; memory grows with the square.")
    ] = 128,
    batch: Annotated[int, typer.Option(min=1, max=256, help="Number of sequences.")] = 2,
    tolerance: Annotated[float, typer.Option(min=0, help="Singular values above this count as state in use.")] = 1e-4,
    as_json: AsJson = False,
) -> None:
    """Measure how much of its state every operator uses on real text (effective state size)."""
    if (genome is None) == (export is None):
        fail("give either a GENOME or --export FOLDER")
    if export is not None and {width, head_dim, window, seed} != {None}:
        fail(
            "--width, --head-dim, --window and --seed are for a GENOME; an exported model has its own sizes and weights"
        )
    try:
        model = _trained(export) if export is not None else _fresh(str(genome), width, head_dim, window, seed)
        found = _analysed(model, length, batch, tolerance)
    except (ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        show_json(found)
    else:
        _show(found)


def _fresh(text: str, width: int | None, head_dim: int | None, window: int | None, seed: int | None) -> Backbone:
    import star  # imports torch, which takes seconds
    from api.costs import open_space, shape_for
    from genome import Genome, Shape, decode

    genome = Genome.parse(text)
    blueprint = decode(genome, open_space(len(genome.segments)))
    shape = shape_for(width or DEFAULT_WIDTH, head_dim, Shape.vocab, window or DEFAULT_WINDOW)
    return star.build(blueprint, shape, seed or 0)


def _trained(folder: Path) -> Backbone:
    import star

    model = star.load(folder)
    if model.shape.vocab != 256:
        raise ValueError(f"the text is bytes, a vocabulary of 256; the model in {folder} has {model.shape.vocab}")
    return model


def _analysed(model: Backbone, length: int, batch: int, tolerance: float) -> dict[str, Any]:
    import star
    from evaluator.budget import Budget
    from evaluator.tasks.text import TextTask

    task = TextTask()
    text = task.load(Budget(length=length, validation=max(2, batch))).validation
    sizes = star.state_sizes(model, text.tokens[:batch], tolerance=tolerance)
    return {
        **model.shape.to_json(),
        "corpus": task.corpus,
        "length": length,
        "batch": batch,
        "tolerance": tolerance,
        "livs": [size.to_json() for size in sizes],
    }


def _show(found: dict[str, Any]) -> None:
    show_facts((name, str(found[name])) for name in ("width", "head_dim", "corpus", "length", "batch", "tolerance"))
    columns = ("LIV", "class", "matrices", "state", "has", "used", "share", "entropy", "share", "used at i")
    show_table("", columns, [_row(liv) for liv in found["livs"]])
    typer.echo(
        "\n`state` is counted for a head or channel of T; `has` and `used` are means over positions i; "
        "`grows` means that every token is kept."
    )


def _row(liv: dict[str, Any]) -> list[str]:
    branch = f".{liv['branch']}" if liv["branch"] else ""
    curve = " ".join(f"{i}:{used:.3g}" for i, used in zip(liv["positions"], liv["tolerance_ess"], strict=True))
    return [
        f"{liv['liv'] + 1}{branch}",
        liv["name"],
        str(liv["matrices"]),
        "grows" if liv["state"] is None else f"{liv['state']:g}",
        f"{liv['mean_has']:.3g}",
        f"{liv['used']:.3g}",
        _percent(liv["used_share"]),
        f"{liv['effective']:.3g}",
        _percent(liv["effective_share"]),
        curve,
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
