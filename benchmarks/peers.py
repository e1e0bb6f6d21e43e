"""Operators and models beside their peers: who is faster, and who needs less memory.

    python benchmarks/peers.py [--rows PATTERN] [--widths 64,256,768] [--pairs 9] [--json FILE] [--write]

A row is a pair, one of ours and one of a peer: layers and models of transformers and mambapy, the references in PyTorch
of flash-linear-attention, and the long filters of two papers, written in `benchmarks/peering/filters.py`. Both sides do
the same work on the same inputs in one process, on one thread, by processor time: ours, the peer, the peer, ours, and
so on. Nearly all rows have the same weights on both sides and equal outputs, which the tests hold; the others say how
they differ. A peer whose package is not installed is skipped, and named; `pip install 'star-synthesis[peers]'` installs
all.

A layer and a structure are computed forward and backward; a structure gets its features ready-made. A token is decoded
by a whole model, after 128 tokens or 8,192. The ratio is our time divided by the peer's: the median of the pairs, with
the smallest and the largest. Three pairs whose ratios are all below a quarter are enough. The memory ratio is that of
the most bytes that one pass holds beyond what was there before, each measured in a child process.

`--write` writes `benchmarks/data/peers.json` and `docs/reports/peers.md`; rows that were not measured this time are
kept there as they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from operators import machine
from peering.clock import measured
from peering.pair import Row
from peering.rows import DISTRIBUTIONS, ROWS, chosen, lacking
from reports.peers import spread, written

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "data" / "peers.json"
REPORT = ROOT / "docs" / "reports" / "peers.md"
WIDTHS = (64, 256, 768)

Result = dict[str, Any]


def versions() -> dict[str, str]:
    """Return the versions of the distributions that peers come from, as far as they are installed."""
    found = {}
    for name in sorted({*DISTRIBUTIONS.values(), "torch"}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def results(rows: Sequence[Row], widths: Sequence[int], pairs: int) -> Iterator[Result]:
    """Measure rows, with progress on stderr; a row whose package is missing is named there and skipped."""
    for row in rows:
        missing = lacking(row)
        if missing:
            print(f"Skipped: {row.name}, as {' and '.join(missing)} must be installed", file=sys.stderr)
            continue
        for sizes in (sizes for width in widths for sizes in row.sizes(width)):
            found = measured(row, sizes, pairs)
            print(line(found), file=sys.stderr, flush=True)
            yield {**found, "date": datetime.datetime.now(datetime.UTC).date().isoformat()}


def line(found: Result) -> str:
    memory = "" if found["memory_ratio"] is None else f", memory {found['memory_ratio']:.2f}"
    return f"{found['row']}, width {found['width']}, {found['length']} tokens: {spread(found)}{memory}"


def key(result: Result) -> tuple[Any, ...]:
    return result["row"], result["width"], result["length"]


def merged(before: Sequence[Result], after: Sequence[Result]) -> list[Result]:
    """Return all results in the order of the table, new ones in place of old ones, without rows that are no more."""
    known = {key(result): result for result in (*before, *after)}
    places = [row.name for row in ROWS]
    kept = [result for result in known.values() if result["row"] in places]
    return sorted(kept, key=lambda result: (places.index(result["row"]), *key(result)[1:]))


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rows", default="", metavar="PATTERN", help="a regular expression; all rows if not given")
    options.add_argument("--widths", default=",".join(map(str, WIDTHS)), help="joined by commas")
    options.add_argument("--pairs", type=int, default=9, help="pairs of a row; odd, so that one is the median")
    options.add_argument("--json", type=Path, default=Path("var/benchmarks/peers.json"), help="file for the results")
    options.add_argument("--write", action="store_true", help="write docs/reports/peers.md and all figures")
    asked = options.parse_args()
    try:
        rows, widths = chosen(asked.rows), [int(width) for width in asked.widths.split(",")]
    except ValueError as error:
        options.error(str(error))
    torch.set_num_threads(1)
    about = {**machine(), "versions": versions(), "load": os.getloadavg()[0]}
    found = list(results(rows, widths, asked.pairs))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({**about, "rows": found}, indent=1) + "\n", encoding="utf-8")
    if asked.write:
        before = json.loads(FIGURES.read_text(encoding="utf-8"))["rows"] if FIGURES.is_file() else []
        everything = {**about, "rows": merged(before, found)}
        FIGURES.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
        REPORT.write_text(written(everything), encoding="utf-8")
    print(written({**about, "rows": found}))


if __name__ == "__main__":
    main()
