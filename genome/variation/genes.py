"""Sampling, mutation and recombination of genomes. Results are legal and canonical and count their repaired genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genome.classes.feature_groups import WEIGHT_STRATEGIES
from genome.genome import SKIPPED, Genome, Segment
from genome.repair import Repaired, repair
from genome.space import Space

if TYPE_CHECKING:
    from numpy.random import Generator


def sample(space: Space, rng: Generator) -> Repaired:
    """Draw a random subset of classes, draw every gene independently over it, and repair the genome.

    Only LIVs of one class can share weights; genes drawn over all of many classes would seldom repeat a class. The
    size of the subset is uniform, so that stacks of one class and of many classes are equally likely.
    """
    size = 1 + int(rng.integers(min(len(space.choices), space.depth)))
    palette = [space.choices[int(n)] for n in rng.permutation(len(space.choices))[:size]]
    drawn = (Segment(palette[int(rng.integers(len(palette)))]) for _ in range(space.depth))
    return _legal(tuple(_redrawn(segment, space, rng, rate=1.0, first=1) for segment in drawn), space, rng)


def mutate(genome: Genome, space: Space, rng: Generator, rate: float = 0.1) -> Repaired:
    """Redraw each gene with probability `rate` (STAR: 10 %).

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"the mutation rate must be between 0 and 1, not {rate}")
    return _legal(tuple(_redrawn(segment, space, rng, rate) for segment in genome.segments), space, rng)


def recombine(mother: Genome, father: Genome, space: Space, rng: Generator) -> tuple[Repaired, Repaired]:
    """Exchange the LIVs between two cuts (2-point crossover)."""
    low, high = sorted(int(cut) for cut in rng.integers(space.depth + 1, size=2))
    a, b = mother.segments, father.segments
    return (
        _legal(a[:low] + b[low:high] + a[high:], space, rng),
        _legal(b[:low] + a[low:high] + b[high:], space, rng),
    )


def _legal(segments: tuple[Segment, ...], space: Space, rng: Generator) -> Repaired:
    """Repair a genome; clearing the sharing genes of skipped LIVs, which have no effect, is not counted."""
    cleared = tuple(SKIPPED if segment.liv_class == 0 else segment for segment in segments)
    genome, changed = repair(Genome(cleared), space, rng)
    return Repaired(genome.canonical(), changed)


def _redrawn(segment: Segment, space: Space, rng: Generator, rate: float, first: int = 0) -> Segment:
    """Redraw genes from the `first` on, in order, because the legal sharing strategies depend on the class."""
    genes = list(segment)
    for gene in range(first, 5):
        if rng.random() < rate and (gene == 0 or genes[0] != 0):
            genes[gene] = _draw(gene, genes[0], space, rng)
    return Segment(*genes)


def _draw(gene: int, liv_class: int, space: Space, rng: Generator) -> int:
    if gene == 0:
        return space.choices[int(rng.integers(len(space.choices)))]
    labels = min(space.groups, space.depth)
    weights = len(WEIGHT_STRATEGIES) if space.share_weights else 1
    features = len(space[liv_class].operator.strategies) if space.share_features else 1
    return 1 + int(rng.integers((labels, weights, labels, features)[gene - 1]))
