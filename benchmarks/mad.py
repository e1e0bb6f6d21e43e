"""Classes on the baseline settings of MAD beside the published scores: `python benchmarks/mad.py`.

Each row is the stack of the source, twice a token mixer and SwiGLU, trained by the protocol `published` on each of
the six tasks. The report says the accuracies, the mean over tasks, and the rank correlation with the published scores.
Trainings are kept in `var/mad.jsonl`, so a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reports.tables import table
from scipy.stats import permutation_test, spearmanr
from synthetic.cells import Cell, Key, Score, scores

from evaluator.tasks.registry import MAD

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "mad.md"
JOURNAL = Path("var/mad.jsonl")

COLUMNS = {
    "mad_compression": "compression",
    "mad_fuzzy_recall": "fuzzy recall",
    "mad_context_recall": "context recall",
    "mad_memorization": "memorization",
    "mad_noisy_recall": "noisy recall",
    "mad_selective_copying": "selective copying",
}
"""The kinds of the tasks, in the order of `PUBLISHED`, with their names."""

PUBLISHED = {
    "Transformer": (51.6, 29.8, 94.1, 85.2, 86.8, 99.6),
    "Hyena": (45.2, 7.9, 81.7, 89.5, 78.8, 93.1),
    "Multihead Hyena": (44.8, 14.4, 99.0, 89.4, 98.6, 93.0),
    "Mamba": (52.7, 6.7, 90.4, 89.5, 90.1, 86.3),
    "GLA": (38.8, 6.9, 80.8, 63.3, 81.6, 88.6),
    "DeltaNet": (42.2, 35.7, 100.0, 52.8, 100.0, 100.0),
}
"""Mean accuracy over all settings of a task in percent, as the table of DeltaNet (arXiv 2406.06484) gives it; all rows
but DeltaNet are there after Poli et al. 2024."""

ROWS = {
    "Transformer": "SA-1",
    "Hyena": "Hyena-Published",
    "Multihead Hyena": "Multi-Hyena-Published",
    "Mamba": "Mamba-1-Published",
    "GLA": "GLA-Published",
    "DeltaNet": "DeltaNet",
}
"""The class of each published row."""

WIDTH, HEAD_DIM = 64, 16

PAGE = """# MAD, beside the published scores

`python benchmarks/mad.py --write` wrote this page on {date}. Each row is a stack of twice the class and SwiGLU, as in
the source: the baseline setting of each task with the protocol `published`. What the machine allowed is far less than
in the source: width {width} in place of 128 with heads of {head_dim}, {steps} steps of {batch} sequences with a
learning rate of {rate:g} on {seeds}, in place of 20,000 steps of 128 with the best of six pairs of a rate and a weight
decay; and the published scores are means over all settings of a task, harder ones included. So not the values compare
but, at best, their order.

## Accuracy in percent, mean over seeds

{ours}

± is the standard error {spread}.

## Published, percent

{theirs}

## Rank correlation over the {count} rows

Spearman's coefficient, and the share of all orders of the rows with a coefficient at least as large.

{ranks}
"""


def cells(steps: int, batch: int, rate: float, seeds: int) -> dict[tuple[str, str, int], Cell]:
    """Return the trainings by row, kind of task and seed."""
    kinds = {task.name(): task for task in MAD}
    found = {}
    for row, name in ROWS.items():
        for kind in COLUMNS:
            length, fields = kinds[kind].baseline
            budget = {"steps": steps, "batch": batch, "length": length, "learning_rate": rate, "warmup": steps // 10}
            budget |= {"validation": 1280, "seconds": 36_000}
            task = {"kind": kind, "protocol": "published", **fields}
            for seed in range(seeds):
                found[row, kind, seed] = Cell((name, "GMemless") * 2, task, WIDTH, HEAD_DIM, budget, seed)
    return found


def accuracies(found: dict[tuple[str, str, int], Cell], known: dict[Key, Score], seeds: int) -> dict[str, list[Score]]:
    """Return for each row the mean error over seeds of every task."""
    means = {}
    for row in ROWS:
        scored = [[known[found[row, kind, seed].key] for seed in range(seeds)] for kind in COLUMNS]
        means[row] = [_mean(scores) for scores in scored]
    return means


def _mean(found: Sequence[Score]) -> Score:
    error = sum(one.error for one in found) / len(found)
    if len(found) == 1:
        return found[0]
    spread = math.sqrt(sum((one.error - error) ** 2 for one in found) / (len(found) - 1))
    return Score(error, spread / math.sqrt(len(found)), found[0].cache_bytes)


def rank_correlation(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Return Spearman's coefficient, and the share of all orders with one at least as large."""

    def coefficient(order: Sequence[float]) -> float:
        return float(spearmanr(order, theirs).statistic)

    test = permutation_test((ours,), coefficient, permutation_type="pairings", alternative="greater", n_resamples=1000)
    return float(test.statistic), float(test.pvalue)


def _accuracy(one: Score) -> str:
    return f"{100 * (1 - one.error):.1f} ± {100 * one.stderr:.1f}"


def written(means: dict[str, list[Score]], arguments: argparse.Namespace) -> str:
    """Return the report in Markdown."""
    percent = {row: [100 * (1 - one.error) for one in scored] for row, scored in means.items()}
    ours = [
        [row, ROWS[row], *(_accuracy(one) for one in scored), f"{sum(percent[row]) / len(COLUMNS):.1f}"]
        for row, scored in means.items()
    ]
    theirs = [
        [row, *(f"{value:.1f}" for value in values), f"{sum(values) / len(values):.1f}"]
        for row, values in PUBLISHED.items()
    ]
    ranks = []
    for n, name in enumerate((*COLUMNS.values(), "mean")):
        columns = [
            [sum(row) / len(row) if name == "mean" else row[n] for row in (scored[one] for one in ROWS)]
            for scored in (percent, PUBLISHED)
        ]
        coefficient, share = rank_correlation(*columns)
        ranks.append([name, f"{coefficient:+.2f}", f"{share:.3f}"])
    return PAGE.format(
        date=datetime.now(UTC).date().isoformat(),
        width=WIDTH,
        head_dim=HEAD_DIM,
        steps=arguments.steps,
        batch=arguments.batch,
        rate=arguments.rate,
        seeds="one seed" if arguments.seeds == 1 else f"{arguments.seeds} seeds",
        spread="over validation sequences, not over seeds" if arguments.seeds == 1 else "over seeds",
        count=len(ROWS),
        ours=table(["row", "class", *COLUMNS.values(), "mean"], ours),
        theirs=table(["row", *COLUMNS.values(), "mean"], theirs),
        ranks=table(["task", "coefficient", "share of orders"], ranks),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/reports/mad.md")
    chosen = parser.parse_args()
    planned = cells(chosen.steps, chosen.batch, chosen.rate, chosen.seeds)
    page = written(accuracies(planned, scores(planned.values(), JOURNAL, chosen.workers), chosen.seeds), chosen)
    print(page)
    if chosen.write:
        REPORT.write_text(page, encoding="utf-8")
