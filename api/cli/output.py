"""The output of the command line: tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NoReturn

import typer

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
"""Exit codes: 2 invalid input, 1 failure, 130 interrupted (Ctrl-C)."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int = BAD_INPUT) -> NoReturn:
    """End the command with one line on standard error."""
    typer.echo(f"star: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


def reason(error: Exception) -> str:
    """Say why a value was refused, on one line; of a plan or of settings each field with its message."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def show_json(value: Any) -> None:
    """Print a value as JSON. Raises ValueError for NaN and infinity, which JSON does not have."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table. Outside a terminal its cells are wrapped at 200 columns and never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each fact: its name and its value."""
    rows = list(facts)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")


def measured(metric: str, metrics: dict[str, float]) -> str:
    """Write a metric with its unit and, where it is known, its standard error."""
    from evaluator.metrics import STDERR_SUFFIX, Format
    from evaluator.tasks import registry

    if metric not in metrics:
        return "-"
    value, error = metrics[metric], metrics.get(metric + STDERR_SUFFIX)
    known = registry.metrics().get(metric)  # others: learning rates, and those of a server of another version
    unit = f" {known.unit}" if known and known.unit else ""
    written = {
        None: f"{value:.3g}",
        Format.NUMBER: f"{value:.3f}" + (f" ± {error:.3f}" if error else "") + unit,
        Format.SHARE: f"{100 * value:.1f}" + (f" ± {100 * error:.1f}" if error else "") + " %",
        Format.SCALED: scaled(value) + unit.strip(),
        Format.DURATION: duration(value) if value >= 60 else f"{value:.3f} s",
    }
    return written[known.format if known else None]


def quality(objectives: Sequence[str]) -> str:
    """Return the first objective that only a training can tell, or the first one if a genome tells them all."""
    from evaluator.metrics import STATIC

    return next((name for name in objectives if name not in STATIC), objectives[0])


def scaled(number: float) -> str:
    """Write a number with three digits and a decimal prefix: 1.24M."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{prefix}"
    return f"{number:.0f}"


def duration(seconds: float | None) -> str:
    """Write seconds as a duration: 1 h 02 min, 3 min 20 s, 12 s."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
