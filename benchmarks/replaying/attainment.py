"""The median attainment curve of frontiers: the quality that half of the searches reach with so many parameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import moocore
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIZES = (110_000, 130_000, 160_000, 200_000)
"""Parameters in the columns of the table."""

SECTION = """
## What half of the searches reach

The median attainment curve is the lowest noiseless bits per byte that at least half of the searches reach with a
genome on their frontier that has at most so many parameters. The cache is not shown: the best genomes need little.

![Median attainment curves of parameters and quality]({picture})

{table}
"""


def median_curve(frontiers: Sequence[Floats]) -> Floats:
    """Return the corners of the median attainment curve, rows of size and quality in order of size.

    Args:
        frontiers: for each search rows of its frontier, with the same two columns.
    """
    sets_N = np.concatenate([np.full(len(points), n) for n, points in enumerate(frontiers)])
    corners_N3 = moocore.eaf(np.concatenate(frontiers), sets=sets_N, percentiles=[50])
    curve: Floats = corners_N3[np.argsort(corners_N3[:, 0]), :2]
    return curve


def attained(curve: Floats, size: float) -> float | None:
    """Return the best quality of a curve up to a size, or None when it begins above it."""
    within_N = curve[:, 0] <= size
    return float(curve[within_N, 1].min()) if within_N.any() else None


def section(curves: dict[str, dict[int, Any]], picture: str) -> str:
    """Return a section of the report: the picture and a table of what the curves attain."""
    head = ["algorithm", "trainings", *(f"up to {size:,} parameters".replace(",", " ") for size in SIZES)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, by_count in curves.items():
        for count, curve in by_count.items():
            values = [attained(np.array(curve), size) for size in SIZES]
            cells = ["none" if value is None else f"{value:.3f}" for value in values]
            lines.append(f"| {' | '.join([name, str(count), *cells])} |")
    return SECTION.format(table="\n".join(lines), picture=picture)


def plotted(curves: dict[str, dict[int, Any]], path: Path) -> None:
    """Draw the curves, a panel for each number of trainings."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    counts = list(next(iter(curves.values())))
    figure, panels = pyplot.subplots(1, len(counts), figsize=(9, 3.8), sharey=True, squeeze=False)
    for count, axes in zip(counts, panels[0], strict=True):
        for name, by_count in curves.items():
            sizes, qualities = np.array(by_count[count]).T
            axes.step(sizes / 1000, qualities, where="post", marker=".", label=name)
        axes.set(title=f"{count} trainings", xlabel="parameters, thousands", xlim=(75, 230), ylim=(2.9, 3.9))
    panels[0][0].set_ylabel("bits per byte, reached by half of the searches")
    panels[0][-1].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
