"""Our default against the protocol of the STAR paper, with real trainings: `python benchmarks/protocol.py --write`.

Every search trains on the text task, 80 steps of 16 x 64 bytes: ours, with a rung at a quarter of the tokens; `star`,
the generational protocol with a population of 16, for 160 trainings; and random sampling, the honest rival. The report
in `docs/reports/protocol.md` says after how many tokens ours reaches what the others reach in the end. Frontiers are
compared twice: by what the searches saw, and by means over two seeds that they never used. Trainings are kept in
`var/protocol.jsonl`, so a genome is trained once and a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import moocore
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet
from replaying.oracle import FULL, PLAN, oracle
from replaying.simulation import SHORT, half_interval, planned, simulated
from trainings import RESULT, trained

from search.costs import costs_of

Floats = NDArray[np.float64]

REPORT = Path(__file__).parents[1] / "docs" / "reports" / "protocol.md"
FIGURES = Path(__file__).parent / "data" / "protocol.json"
JOURNAL = Path("var/protocol.jsonl")
UNSEEN = (101, 102)
"""Seeds by which frontiers are compared after the searches."""

OURS, STAR, RANDOM = "surrogate, with a rung", "star, population 16", "random"
RUNGS: dict[str, Any] = {"rungs": {"tokens": [SHORT], "promoted": 0.25}}
ARMS: dict[str, tuple[int, dict[str, Any]]] = {
    OURS: (40, {**RUNGS, "candidates": 90}),
    STAR: (160, {"algorithm": "star", "population": 16, "candidates": 160}),
    RANDOM: (80, {"algorithm": "random", "candidates": 80}),
}
"""Full trainings that each arm may take, and its changes of the plan."""


class Trainings:
    """Qualities by real training, each of which is made once.

    Attributes:
        noise: nothing is added to what a training gives.
        made: number of trainings made, not read.
    """

    noise = 0.0

    def __init__(self) -> None:
        self.costs = costs_of(PLAN)
        self.made = 0
        JOURNAL.parent.mkdir(exist_ok=True)
        lines = JOURNAL.read_text().splitlines() if JOURNAL.exists() else []
        rows = [*parquet.read_table(RESULT).to_pylist(), *map(json.loads, lines)]
        self._known = {(row["genome"], row["seed"], row["tokens"]): row["bits_per_byte"] for row in rows}

    def quality(self, text: str, tokens: int = FULL, seed: int = 0) -> float:
        """Return the bits per byte of a genome after so many tokens with a seed."""
        if (text, seed, tokens) not in self._known:
            rows = trained("protocol", text, seed)
            self._known |= {(text, seed, row["tokens"]): row["bits_per_byte"] for row in rows}
            self.made += 1
            with JOURNAL.open("a") as journal:
                journal.writelines(json.dumps(row) + "\n" for row in rows)
        return float(self._known[text, seed, tokens])


def searched(arm: str, seed: int, trainings: Trainings) -> dict[str, Any]:
    """Run one search; return its hypervolume after every full training's worth of tokens, and its last frontier."""
    units, changes = ARMS[arm]
    plan = planned(seed=seed, **changes)
    volumes: list[float] = []
    for now in simulated(plan, truth=trainings):
        while len(volumes) < min(now.spent // FULL, units):
            volumes.append(now.volume())
        if len(volumes) == units:
            break
    frontier_N = np.flatnonzero(moocore.is_nondominated(np.array(now.seen)))
    texts = [str(now.genomes[now.numbers[int(n)] - 1]) for n in frontier_N]
    means = [fmean(trainings.quality(text, FULL, unseen) for unseen in UNSEEN) for text in texts]
    held_out = np.array([[mean, *now.true[int(n)][1:]] for mean, n in zip(means, frontier_N, strict=True)])
    print(f"{arm}, seed {seed}: {volumes[-1]:.3f}; {trainings.made} trainings made", flush=True)
    return {"volumes": volumes, "held_out": oracle().hypervolume(held_out), "best": float(held_out[:, 0].min())}


def reached(ours: list[float], target: float) -> int | None:
    """Return after how many full trainings' worth of tokens a search has reached a hypervolume."""
    found = np.flatnonzero(np.array(ours) >= target)
    return int(found[0]) + 1 if len(found) else None


INTRODUCTION = """# The default against the protocol of the STAR paper

`python benchmarks/protocol.py --write` wrote this page on {date}: real trainings of the `laptop` space on text, 80
steps of 16 × 64 bytes, {seeds} seeds of the search. One unit is the tokens of one full training. Hypervolume is
measured in the box of [replay.md](replay.md), where costs count by their logarithm. "Held out" is the hypervolume of
the last frontier by means over two seeds that no search used.

{arms}

Units until ours reaches the hypervolume that another ends with, each pair of seeds; "-" is not within {units} units:

{ratios}

The generational protocol is a weak rival: random sampling is better. The second row is therefore the one to quote.
"""


def written(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the report in Markdown."""
    arms = ["| search | units | hypervolume | held out | best quality, held out |", "|---|---|---|---|---|"]
    for arm, found in results.items():
        cells = [_spread([row["volumes"][-1] for row in found])]
        cells += [_spread([row[name] for row in found]) for name in ("held_out", "best")]
        arms.append(f"| {arm} | {len(found[0]['volumes'])} | {' | '.join(cells)} |")
    ratios = ["| rival | rival's units | ours, each pair | median share |", "|---|---|---|---|"]
    for arm in (STAR, RANDOM):
        units = len(results[arm][0]["volumes"])
        pairs = [reached(one["volumes"], row["volumes"][-1]) for row in results[arm] for one in results[OURS]]
        share = np.median([np.inf if pair is None else pair / units for pair in pairs])
        shown = ", ".join("-" if pair is None else str(pair) for pair in pairs)
        ratios.append(f"| {arm} | {units} | {shown} | {share:.2f} |")
    facts = {"date": datetime.now(UTC).date().isoformat(), "seeds": len(results[OURS]), "units": ARMS[OURS][0]}
    return INTRODUCTION.format(arms="\n".join(arms), ratios="\n".join(ratios), **facts)


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.3f} ± {half_interval(np.array(values)):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/reports/protocol.md and all figures")
    arguments = parser.parse_args()
    every = Trainings()
    outcomes: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    for number in range(arguments.seeds):
        for name, rows in outcomes.items():
            rows.append(searched(name, number, every))
    print(written(outcomes))
    if arguments.write:
        REPORT.write_text(written(outcomes), encoding="utf-8")
        FIGURES.write_text(json.dumps(outcomes) + "\n", encoding="utf-8")
