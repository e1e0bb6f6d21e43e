"""A search on recorded trainings: a plan goes in, and noisy outcomes come out one after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import moocore
import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from oracle import PLAN, oracle
from scipy.stats import t as student

from genome import Genome
from search.algorithms.algorithm import Outcome
from search.evolve import Evolution
from search.plan import Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A search after an outcome; rows of outcomes, columns of the plan's objectives.

    Attributes:
        seen: what the search was told, with the noise of one training each.
        true: the same without noise.
        seconds: the time of the search's work ahead, and the time of the proposal.
    """

    evolution: Evolution
    genomes: list[Genome]
    seen: list[list[float]]
    true: list[list[float]]
    seconds: tuple[float, float]

    def frontier(self) -> Floats:
        """Return the noiseless outcomes of the genomes that the search would report."""
        reported: Floats = np.array(self.true)[moocore.is_nondominated(np.array(self.seen))]
        return reported

    def volume(self) -> float:
        """Return the hypervolume of that frontier."""
        return oracle().hypervolume(self.frontier())


def planned(**changes: Any) -> Plan:
    """Return the `laptop` plan with some fields changed."""
    return Plan.model_validate({**PLAN.model_dump(mode="json"), **changes})


def simulated(plan: Plan, *, shuffles: bool = False) -> Iterator[Trained]:
    """Run a search with one worker; yield after each outcome.

    Args:
        shuffles: whether the search is told the qualities of other genomes.
    """
    truth, rng = oracle(), np.random.default_rng([plan.seed, 1])
    evolution = Evolution(plan, Generator(PCG64(plan.seed)), truth.costs)
    genomes: list[Genome] = []
    seen: list[list[float]] = []
    true: list[list[float]] = []
    for number in range(1, plan.candidates + 1):
        began = time.perf_counter()
        evolution.prepare()
        prepared = time.perf_counter()
        proposal = evolution.ask()
        seconds = prepared - began, time.perf_counter() - prepared
        assert proposal is not None
        costs = [proposal.costs[metric] for metric in plan.objectives[1:]]
        quality = truth.quality(str(proposal.genome))
        genomes.append(proposal.genome)
        true.append([quality, *costs])
        seen.append([quality + truth.noise * rng.standard_normal(), *costs])
        told = [seen[int(rng.integers(number))][0], *costs] if shuffles else seen[-1]
        evolution.tell(Outcome(number, proposal.genome, told))
        yield Trained(evolution, genomes, seen, true, seconds)


def half_interval(values: Floats) -> float:
    """Return half the width of the 95 % interval of a mean."""
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
