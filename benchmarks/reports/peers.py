"""The report of `benchmarks/peers.py` as a page."""

from __future__ import annotations

from typing import Any

from reports.tables import table

PAGE = """# Operators beside their peers

`python benchmarks/peers.py --write` wrote this page on {date} ({processor}, {cores} cores, one thread;
{versions}).
Other work ran on the machine meanwhile: the load was {load:.1f} when the last run began. So only ratios of pairs that
followed one another count, not times.

A ratio is our processor time divided by the peer's, the median of {pairs} pairs (the fewest where all ratios are below
a quarter), with the smallest and the largest in brackets: below 1 ours is faster. Layers and structures are computed
forward and backward, in float32; a structure gets its features ready-made, and a token is decoded by a whole model of
two layers after so many tokens. Memory is the most bytes that one pass holds, ours divided by the peer's. Both sides
have as many parameters and do the same work, from the same weights, unless the last column says how the peer differs.

{above} of {count} rows are above {limit}:

{slower}

{rows}

- transformers computes its recurrent layers in PyTorch here, as the kernels that it would take need a GPU. Its Mamba-1
  takes the parallel scan of mambapy: its own loop over 512 tokens took 16 s, forward and backward, at width 64. Its
  layers of attention are given their rotations and masks, which a model computes once for all layers; ours are not.
- The references of flash-linear-attention are in PyTorch too, and meant to be read. Where it has one in chunks, that is
  compared.
- The plain forms of Hyena and S4D are those of their papers, written for this comparison
  (`benchmarks/peering/filters.py`).
- A decoded token is the mean of 32, of which the first follows so many tokens and one that does not count. A peer's
  model with a fixed state has read at most 512 tokens.
"""

LIMIT = 1.05
"""The ratio above which a peer counts as faster."""


def written(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    rows = found["rows"]
    slower = [
        f"- {row['row']}, {row['length']:,} tokens, width {row['width']}: {spread(row)}"
        for row in rows
        if row["ratio"] > LIMIT
    ]
    return PAGE.format(
        date=_range([row["date"] for row in rows]),
        processor=found["processor"],
        cores=found["cores"],
        versions=", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        load=found["load"],
        pairs=_range([row["pairs"] for row in rows]),
        above=len(slower),
        count=len(rows),
        limit=LIMIT,
        slower="\n".join(slower) or "- no peer is faster",
        rows=table(
            ["ours / peer", "width", "batch × tokens", "ours, ms", "ratio of times", "of memory", "the peer differs"],
            [_line(row) for row in rows],
        ),
    )


def spread(row: dict[str, Any]) -> str:
    """Return the median of a ratio with the smallest and the largest."""
    median, least, most = (
        f"{value:.2f}" if value >= 0.1 else f"{value:.2g}" for value in (row["ratio"], row["least"], row["most"])
    )
    return f"{median} ({least} to {most})"


def _range(values: list[Any]) -> str:
    least, most = min(values), max(values)
    return str(least) if least == most else f"{least} to {most}"


def _line(row: dict[str, Any]) -> list[str]:
    ours, _ = row["milliseconds"]
    return [
        row["row"],
        str(row["width"]),
        f"{row['batch']} × {row['length']:,}",
        f"{ours:.3g}",
        spread(row),
        "-" if row["memory_ratio"] is None else f"{row['memory_ratio']:.2f}",
        _parameters(row) or "-",
    ]


def _parameters(row: dict[str, Any]) -> str:
    ours, peer = row["parameters"]
    counted = "" if ours == peer else f" ({peer:,} parameters, ours {ours:,})"
    return f"{row['differs'].removeprefix('the peer')}".removeprefix("'s ").strip() + counted
