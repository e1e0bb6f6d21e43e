"""A model that answers for any genome of the `laptop` space as a real training would, learned from recorded trainings.

It is made in the manner of NAS-Bench-301 (Zela et al. 2022): boosted trees predict the quality, and the noise is that
of repeated trainings. The trees see positions and neighbours; the search's own model, a Gaussian process, sees shares,
so that the search does not grade itself. Costs are exact.

N trainings, L places, C classes, D objectives.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import moocore
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict

from evaluator.metrics import STATIC
from genome import Genome, decode
from search.costs import costs_of
from search.plan.presets import PRESETS
from search.surrogate.box import Box

Floats = NDArray[np.float64]

PLAN = PRESETS["laptop"]
SPACE = PLAN.liv_space
FULL = 80 * 16 * 64
"""Tokens of a full training."""

LOGARITHMIC = np.array([name in STATIC for name in PLAN.objectives])
"""Which objectives are costs, which count by ratio."""

TRAININGS = Path(__file__).parents[1] / "data" / "trainings.parquet"


class Oracle:
    """Quality, noise and costs of genomes, and the box in which all searches are compared.

    The box reaches from the best value of each objective to the median quality of random genomes and the highest costs.

    Attributes:
        trainings: number of trainings that it was fitted to.
        noise: standard deviation of a training around the mean over seeds.
        agreement: rank correlation with recorded trainings that a fit has not seen, over five folds.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        full = [row for row in rows if row["tokens"] == FULL]
        described_NF, quality_N = _learned(full)
        trees = GradientBoostingRegressor(
            n_estimators=600, learning_rate=0.03, max_depth=4, subsample=0.5, max_features=0.3, random_state=0
        )
        folds = KFold(5, shuffle=True, random_state=0)
        unseen_N = cross_val_predict(trees, described_NF, quality_N, cv=folds)
        self.agreement = float(spearmanr(unseen_N, quality_N).statistic)
        self.trainings = len(full)
        self.noise = _noise(full)
        self.costs = costs_of(PLAN)
        rungs = sorted({row["tokens"] for row in rows})
        self._trees = {
            tokens: clone(trees).fit(*_learned([row for row in rows if row["tokens"] == tokens])) for tokens in rungs
        }
        points_ND = np.array([[row[name] for name in PLAN.objectives] for row in full])
        usual = float(np.median([row["bits_per_byte"] for row in full if row["origin"] == "random"]))
        self._box = Box.between(points_ND.min(0), np.array([usual, *points_ND[:, 1:].max(0)]), LOGARITHMIC)

    @lru_cache(maxsize=1_000_000)  # noqa: B019  # one oracle a process
    def quality(self, text: str, tokens: int = FULL) -> float:
        """Return the bits per byte of a genome after so many tokens, the mean over seeds."""
        return float(self._trees[tokens].predict(described(Genome.parse(text))[np.newaxis])[0])

    def hypervolume(self, points_ND: Floats) -> float:
        """Return the volume that points dominate in the box."""
        return float(moocore.hypervolume(self._box.scaled(points_ND), ref=np.ones(len(LOGARITHMIC))))


@cache
def oracle() -> Oracle:
    """Return the oracle of the recorded trainings; it is the same wherever the file is the same."""
    return Oracle(parquet.read_table(TRAININGS).to_pylist())


def fingerprint() -> str:
    """Return a hash of the recorded trainings."""
    return hashlib.sha256(TRAININGS.read_bytes()).hexdigest()[:16]


def described(genome: Genome) -> Floats:
    """Return the class at each place, pairs of neighbours, shares of classes, and what is shared."""
    livs = decode(genome, SPACE).livs
    place_LC = np.array([[liv.liv_class.id == row.id for row in SPACE.classes] for liv in livs], dtype=float)
    pairs_CC = sum((np.outer(a, b) for a, b in pairwise(place_LC)), start=np.zeros((len(SPACE.classes),) * 2))
    weights = [float(liv.weights_from != n) for n, liv in enumerate(livs)]
    features = [float(liv.features_from != n) for n, liv in enumerate(livs)]
    sharing = [*weights, *features, sum(weights), sum(features)]
    return np.concatenate([place_LC.ravel(), pairs_CC.ravel(), place_LC.mean(0), sharing])


def _learned(rows: list[dict[str, Any]]) -> tuple[Floats, Floats]:
    """Return descriptions and qualities of recorded trainings."""
    described_NF = np.stack([described(Genome.parse(row["genome"])) for row in rows])
    return described_NF, np.array([row["bits_per_byte"] for row in rows])


def _noise(full: list[dict[str, Any]]) -> float:
    by_genome = defaultdict(list)
    for row in full:
        by_genome[row["digest"]].append(row["bits_per_byte"])
    repeats = [np.array(values) for values in by_genome.values() if len(values) > 1]
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in repeats)
    return float(np.sqrt(squares / max(1, sum(len(values) - 1 for values in repeats))))
