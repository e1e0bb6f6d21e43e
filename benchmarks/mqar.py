"""Accuracy against cache of the classes on multi-query associative recall: `python benchmarks/mqar.py`.

Each row is a stack of two LIVs of one class without SwiGLU, as in Zoology (Arora et al. 2023, figure 2), trained with
each of some learning rates; the best counts, as there. Known from the papers: attention solves the task, recurrences
solve it as far as their state reaches, short convolutions fail. Trainings are kept in `var/mqar.jsonl`, so a run that
was interrupted goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reports.tables import table
from synthetic.cells import Cell, scores

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "mqar.md"
JOURNAL = Path("var/mqar.jsonl")

CLASSES = (
    "SA-1",
    "SWA",
    "LinearAttention",
    "RetNet-Published",
    "GLA-Published",
    "Mamba-1-Published",
    "Mamba-2-Published",
    "DeltaNet",
    "Gated DeltaNet-Published",
    "HGRN-Published",
    "Hyena-Published",
    "Hyena-SE-Published",
    "GConv-1",
)
SETTINGS = ((64, 4), (64, 16))
"""Tokens in a sequence, and pairs."""

RATES = (1e-2,)
"""The highest of the four of the source, which also has 1e-4, 4.6e-4 and 2.2e-3."""

HEAD_DIM = 16

PAGE = """# Multi-query associative recall: accuracy against cache

`python benchmarks/mqar.py --write` wrote this page on {date}. Each row is a stack of two LIVs of one class without
SwiGLU, width {width}, heads of {head_dim} channels, on the task `mqar` with the protocol `zoology`: zeros between
queries, {symbols} symbols, {steps} steps of {batch} sequences, one seed, the best of these learning rates: {rates}.
What the machine allowed is far less than in the source, which has 8,192 symbols and 64 epochs of 100,000 sequences. The
cache is that of both LIVs after 4,096 tokens, 2 bytes an element.

{rows}

± is the standard error over 1,000 validation sequences, not over seeds. A guess among the values has an accuracy of
{chance:.1f} %.
"""


def cell(name: str, length: int, pairs: int, rate: float, arguments: argparse.Namespace) -> Cell:
    """Return one training."""
    budget = {"steps": arguments.steps, "batch": arguments.batch, "length": length, "learning_rate": rate}
    budget |= {"warmup": arguments.steps // 10, "validation": 1000, "seconds": 36_000}
    task = {"kind": "mqar", "protocol": "zoology", "symbols": arguments.symbols, "pairs": pairs}
    return Cell((name, name), task, arguments.width, HEAD_DIM, budget, 0)


def written(arguments: argparse.Namespace, classes: Sequence[str]) -> str:
    """Train what the journal lacks, and return the report in Markdown."""
    plan = {
        (name, setting): [cell(name, *setting, rate, arguments) for rate in arguments.rates]
        for name in classes
        for setting in SETTINGS
    }
    known = scores([one for some in plan.values() for one in some], JOURNAL, arguments.workers)
    best = {place: min(known[one.key] for one in some) for place, some in plan.items()}
    rows = [
        [name, f"{best[name, SETTINGS[0]].cache_bytes:,.0f} B"]
        + [f"{100 * (1 - best[name, one].error):.1f} ± {100 * best[name, one].stderr:.1f}" for one in SETTINGS]
        for name in sorted(classes, key=lambda name: best[name, SETTINGS[0]].cache_bytes)
    ]
    head = ["class", "cache", *(f"accuracy in percent, {length} tokens, {pairs} pairs" for length, pairs in SETTINGS)]
    return PAGE.format(
        date=datetime.now(UTC).date().isoformat(),
        width=arguments.width,
        head_dim=HEAD_DIM,
        symbols=arguments.symbols,
        steps=f"{arguments.steps:,}",
        batch=arguments.batch,
        rates=", ".join(f"{rate:g}" for rate in arguments.rates),
        chance=200 / arguments.symbols,
        rows=table(head, rows),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--symbols", type=int, default=128)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/reports/mqar.md")
    chosen = parser.parse_args()
    page = written(chosen, CLASSES)
    print(page)
    if chosen.write:
        REPORT.write_text(page, encoding="utf-8")
