"""Random sampling, the rival that every other algorithm must beat."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from genome import Space
from search.algorithms.algorithm import Algorithm, Trial, sampled
from search.origin import Reason


class RandomSampling(Algorithm):
    """Samples genomes and learns nothing."""

    def trials(self, space: Space, proposed: int) -> Iterator[Trial]:
        return (sampled(space, self.rng, Reason.SAMPLING) for _ in repeat(None))
