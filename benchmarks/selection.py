"""Shows why selection from a population loses to random sampling: `python benchmarks/selection.py`.

Each row is the search `nsga2` on recorded trainings with one suspected cause taken away, or random sampling, whose
population is the best of its samples. Reported are, of the population, the share of members that no other member
dominates, between which only crowding chooses, and the median noiseless quality; and of the search, the hypervolume
as in `benchmarks/replay.py`, which puts this table on its page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import Any
from unittest.mock import patch

import moocore
import numpy as np
from numpy.random import Generator
from pymoo.core.population import Population
from replaying.simulation import half_interval, planned, simulated

from genome import Genome, Space, mutate, sample
from search.algorithms import ALGORITHMS
from search.algorithms.algorithm import Choice, CostsOf, Outcome, Trial
from search.algorithms.nsga2 import SteadyState
from search.algorithms.population import individual
from search.evolution.genome_operators import Draft
from search.origin import Reason, Variation
from search.plan import AlgorithmName, Plan

AT = (20, 40, 80)
"""Outcomes after which populations are compared."""

SECTION = """
## Why selection loses to random sampling

`python benchmarks/selection.py` repeats this table alone. Each row is `nsga2` with one suspected cause taken away, or
random sampling, whose population is the twelve that would survive of its samples. Only crowding chooses between
members that are not dominated. The qualities are noiseless; the classes are counted in the last 40 genomes.

{table}

After 80 trainings selection is by crowding alone, but that is not the cause: most survivors of random sampling are not
dominated either, and parents chosen by quality alone improve the quality of the population, not the frontier. A larger
population helps because it samples for longer; more mutation does not help, and parents drawn from all outcomes make it
worse. The cause is what sampling does: it draws a genome from a random subset of the classes, often from one or two,
and because only LIVs of one class can share weights, such genomes are the small end of the frontier, while crossover
and mutation mix the classes of the parents. Sampling that draws from all classes falls far below `nsga2`, and children
that are left with few classes bring `nsga2` up to random sampling. So selection loses the structure that sampling has,
and mended it is no better than sampling; to find more than luck takes a model of what was seen.
"""


class FromAll(SteadyState):
    """Draws the parents at random from all outcomes."""

    def __init__(self, plan: Plan, rng: Generator, costs: CostsOf) -> None:
        super().__init__(plan, rng, costs)
        self._told = Population()

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        if proposed < self.plan.population:
            return super().trials(space, proposed)
        return (self._breeding.child(self._told, space) for _ in repeat(None))

    def tell(self, outcome: Outcome) -> None:
        super().tell(outcome)
        one = individual(outcome)
        one.set("rank", 0)
        one.set("crowding", 0.0)  # equals are drawn
        self._told = Population.merge(self._told, Population.create(one))


class ByQuality(SteadyState):
    """Lets only the quality decide who becomes a parent."""

    def tell(self, outcome: Outcome) -> None:
        super().tell(replace(outcome, objectives=outcome.objectives and outcome.objectives[:1]))


class Narrow(SteadyState):
    """Leaves every child a random share of its classes, as sampling draws its genes from a few classes."""

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        for trial in super().trials(space, proposed):
            if not trial.parents:
                yield trial
            else:
                yield replace(trial, draft=Draft(narrowed(trial.draft.genome, space, self.rng)))


class NarrowByQuality(Narrow, ByQuality):
    """Does both."""


class Mixed(SteadyState):
    """Begins with genomes whose genes are drawn from all classes."""

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        return super().trials(space, proposed) if proposed >= self.plan.population else drawn(mixed, space, self.rng)


class Sampling(SteadyState):
    """Breeds no children."""

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        return drawn(lambda space, rng: sample(space, rng).genome, space, self.rng)


class MixedSampling(SteadyState):
    """Breeds no children, and draws every gene from all classes."""

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        return drawn(mixed, space, self.rng)


ROWS: dict[str, tuple[type[SteadyState], dict[str, Any]]] = {
    "nsga2, population 12": (SteadyState, {}),
    "population 40": (SteadyState, {"population": 40}),
    "mutation 0.3": (SteadyState, {"mutation": 0.3}),
    "parents drawn from all outcomes": (FromAll, {}),
    "parents by quality alone": (ByQuality, {}),
    "children of few classes": (Narrow, {}),
    "children of few classes, parents by quality alone": (NarrowByQuality, {}),
    "first genomes of many classes": (Mixed, {}),
    "random sampling": (Sampling, {}),
    "random sampling of many classes": (MixedSampling, {}),
}


def narrowed(genome: Genome, space: Space, rng: Generator) -> Genome:
    """Return the genome with a random subset of its classes, whose size is uniform as in `genome.sample`."""
    classes = sorted({segment.liv_class for segment in genome.segments})
    kept = rng.permutation(classes)[: 1 + int(rng.integers(len(classes)))].tolist()
    segments = [
        segment if segment.liv_class in kept else segment._replace(liv_class=kept[int(rng.integers(len(kept)))])
        for segment in genome.segments
    ]
    return mutate(Genome(tuple(segments)), space, rng, rate=0.0).genome


def mixed(space: Space, rng: Generator) -> Genome:
    """Draw every gene from all classes."""
    return mutate(Genome.of([space.choices[0]] * space.depth), space, rng, rate=1.0).genome


def drawn(draw: Callable[[Space, Generator], Genome], space: Space, rng: Generator) -> Iterator[Trial]:
    """Yield random genomes without end."""
    return (Trial(Draft(draw(space, rng)), space, Variation.SAMPLE, Choice(Reason.SAMPLING)) for _ in repeat(None))


def observed(name: str, seed: int) -> dict[str, Any]:
    """Run one search; return figures of its population at `AT`, and the mean number of classes of its later genomes."""
    algorithm, changes = ROWS[name]
    plan = planned(algorithm="nsga2", candidates=AT[-1], seed=seed, **changes)
    found: dict[str, Any] = {"row": name, "nondominated": [], "quality": [], "volume": []}
    with patch.dict(ALGORITHMS, {AlgorithmName.NSGA2: algorithm}):
        for number, now in enumerate(simulated(plan), 1):
            if number in AT:
                members = np.array([row[0] for row in now.evolution.state()["population"]]) - 1
                found["nondominated"].append(float(moocore.is_nondominated(np.array(now.seen)[members]).mean()))
                found["quality"].append(float(np.median(np.array(now.true)[members, 0])))
                found["volume"].append(now.volume())
    later = now.genomes[AT[-2] :]
    found["classes"] = [float(np.mean([len({one.liv_class for one in genome.segments}) for genome in later]))]
    return found


def compared(seeds: int, workers: int) -> dict[str, Any]:
    """Run every row with every seed; return of each figure the mean over seeds and half its interval of 95 %."""
    jobs = [(name, seed) for name in ROWS for seed in range(seeds)]
    with ProcessPoolExecutor(workers) as pool:
        results = list(pool.map(observed, *zip(*jobs, strict=True)))
    rows: dict[str, Any] = {}
    for name in ROWS:
        ran = [one for one in results if one["row"] == name]
        figures = {key: np.array([one[key] for one in ran]) for key in ran[0] if key != "row"}
        rows[name] = {
            key: [[float(column.mean()), half_interval(column)] for column in values.T]
            for key, values in figures.items()
        }
    return rows


def section(rows: dict[str, Any], best: float) -> str:
    """Return a section of the report; hypervolumes are shares of `best`."""
    head = [
        "search",
        *(f"non-dominated after {at}" for at in AT),
        f"median quality after {', '.join(map(str, AT))}",
        "classes of a genome",
        *(f"hypervolume after {at}" for at in AT[1:]),
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in rows.items():
        cells = [name, *(f"{mean:.2f} ± {half:.2f}" for mean, half in row["nondominated"])]
        cells += [", ".join(f"{mean:.2f}" for mean, _ in row["quality"]), f"{row['classes'][0][0]:.1f}"]
        cells += [f"{mean / best:.3f} ± {half / best:.3f}" for mean, half in row["volume"][1:]]
        lines.append(f"| {' | '.join(cells)} |")
    return SECTION.format(table="\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    found = compared(arguments.seeds, arguments.workers)
    print(section(found, best=1.0))
