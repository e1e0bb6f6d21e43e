"""The report of `benchmarks/replay.py` as a page and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

INTRODUCTION = """# Algorithms compared by replay

`python benchmarks/replay.py` wrote this page on {date}. Intervals of 95 % over the seeds of a row.

Each cell is the hypervolume of the frontier that a search reports, in one box for all rows, as a share of the best
frontier that all these searches together found. A column is a budget: the tokens of so many full trainings. A search
sees qualities with noise; the noiseless qualities count. Costs count by their logarithm. The box ends at the median
quality of random genomes. "Best quality" is the lowest noiseless bits per byte within the tokens of {target} trainings;
"ask" is the median time until a free worker gets its next genome, after the pool was bred while all workers were busy.

The qualities come from boosted trees over {trainings} real trainings of the `laptop` space (80 steps of 16 × 64 bytes,
`benchmarks/data/trainings.parquet`), made by `benchmarks/trainings.py`. On trainings that a fit has not seen, the
rank correlation of the trees is {agreement:.3f}. A training scatters around the mean over seeds by {noise:.3f} bits
per byte.

{table}

![Mean hypervolume against training tokens](pictures/replay.png)

One corpus, 17 classes and very short trainings: what wins here need not win elsewhere.
"""


def written(found: dict[str, Any], at: tuple[int, ...]) -> str:
    """Return the report in Markdown; its columns are frontiers after so many trainings."""
    target = at[-2]
    head = [
        "algorithm",
        "seeds",
        *(f"{count} trainings" for count in at),
        f"reaches random's {target} after",
        "best quality",
        "ask, ms",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in found["rows"].items():
        shares = [f"{row['mean'][count]:.3f} ± {row['half'][count]:.3f}" for count in at]
        reached = row["reaches"][target]
        last = [str(reached) if reached else f"more than {at[-1]}", f"{row['quality']:.3f}"]
        last.append(f"{1e3 * row['seconds'][1]:.0f}")
        lines.append(f"| {' | '.join([name, str(row['seeds']), *shares, *last])} |")
    return INTRODUCTION.format(**found, table="\n".join(lines), target=target)


def plotted(found: dict[str, Any], path: Path, names: tuple[str, ...]) -> None:
    """Draw the mean hypervolume of some rows against training tokens."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, row in found["rows"].items():
        if name in names:
            axes.plot(found["tokens"] / 1e6 * np.arange(1, len(row["curve"]) + 1), row["curve"], label=name)
    axes.set(xlabel="training tokens, millions", ylabel="hypervolume, share of the best known", ylim=(0, 1))
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
