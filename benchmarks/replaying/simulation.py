"""A search on recorded trainings: a plan goes in, and noisy outcomes come out one after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

import moocore
import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from replaying.oracle import FULL, PLAN, oracle
from scipy.stats import t as student
from trainings import BUDGET

from genome import Genome
from search.algorithms.algorithm import CostsOf, Outcome
from search.evolution.evolve import Evolution
from search.evolution.proposal import Proposal
from search.plan import Plan

Floats = NDArray[np.float64]


SHORT = FULL // 4
"""Tokens of the lower rung that was recorded."""


@dataclass(frozen=True)
class Trained:
    """A search after an outcome; rows of candidates on the whole budget, columns of the plan's objectives.

    Attributes:
        genomes: of all candidates, in order of number.
        numbers: of the candidates on the whole budget.
        seen: the means of what the search was told, with the noise of each training.
        true: the same without noise.
        seconds: the time of the search's work ahead, and the time of the proposal.
        spent: training tokens up to now.
    """

    evolution: Evolution
    genomes: list[Genome]
    numbers: list[int]
    seen: list[list[float]]
    true: list[list[float]]
    seconds: tuple[float, float]
    spent: int

    def frontier(self) -> Floats:
        """Return the noiseless outcomes of the genomes that the search would report."""
        if not self.seen:
            return np.empty((0, len(PLAN.objectives)))
        reported: Floats = np.array(self.true)[moocore.is_nondominated(np.array(self.seen))]
        return reported

    def volume(self) -> float:
        """Return the hypervolume of that frontier."""
        frontier = self.frontier()
        return oracle().hypervolume(frontier) if len(frontier) else 0.0


def planned(**changes: Any) -> Plan:
    """Return the `laptop` plan with the budget of the recorded trainings, without rungs and repeats, and changes."""
    plain = {"budget": BUDGET.model_dump(), "rungs": {}, "repeats": 0.0, "finish": {}}
    return Plan.model_validate({**PLAN.model_dump(mode="json"), **plain, **changes})


class Truth(Protocol):
    """What a search is told: the qualities of genomes, and the noise that is added to them."""

    noise: float
    costs: CostsOf

    def quality(self, text: str, tokens: int = FULL) -> float:
        """Return the quality of a genome after so many tokens."""
        ...


def simulated(plan: Plan, *, shuffles: bool = False, truth: Truth | None = None) -> Iterator[Trained]:
    """Run a search with one worker; yield after each outcome.

    Args:
        shuffles: whether the search is told the qualities of other genomes.
        truth: the oracle by default.
    """
    truth, rng = truth or oracle(), np.random.default_rng([plan.seed, 1])
    evolution = Evolution(plan, Generator(PCG64(plan.seed)), truth.costs)
    genomes: list[Genome] = []
    costs: list[list[float]] = []
    found: dict[int, list[float]] = {}
    every: list[float] = []
    spent = 0
    while True:
        began = time.perf_counter()
        evolution.prepare()
        prepared = time.perf_counter()
        asked = evolution.ask()
        seconds = prepared - began, time.perf_counter() - prepared
        if asked is None:
            return
        if isinstance(asked, Proposal):
            genomes.append(asked.genome)
            costs.append([asked.costs[metric] for metric in plan.objectives[1:]])
            number, spent = len(genomes), spent + asked.tokens
        else:
            number, spent = asked.number, spent + asked.spent
        genome, own = genomes[number - 1], costs[number - 1]
        every.append(truth.quality(str(genome), asked.tokens) + truth.noise * rng.standard_normal())
        told = every[int(rng.integers(len(every)))] if shuffles else every[-1]
        whole = asked.tokens == plan.budget.tokens
        repeated = number in found
        evolution.tell(Outcome(number, genome, [told, *own], 0.0, None if whole else asked.tokens, repeated))
        if whole:
            found.setdefault(number, []).append(every[-1])
        seen = [[fmean(values), *costs[n - 1]] for n, values in found.items()]
        true = [[truth.quality(str(genomes[n - 1])), *costs[n - 1]] for n in found]
        yield Trained(evolution, genomes, list(found), seen, true, seconds, spent)


def half_interval(values: Floats) -> float:
    """Return half the width of the 95 % interval of a mean."""
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
