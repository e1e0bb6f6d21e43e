"""What follows from the choice of a space alone. It is found once, because many plans choose the same space."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from genome import Genome, Shape, Space, digest, named, require_legal
from search.plan.parts import SpacePlan

BASELINES = {
    "Transformer++": ("SA-1", "GMemless"),
    "striped hybrid": ("Rec-1", "GMemless", "SA-1", "GMemless"),
}
"""The repeating pattern of classes of each baseline (STAR, section 4)."""

REMEMBERED = 64
"""Spaces that are kept; the presets and what people make of them are fewer."""


class Baseline(NamedTuple):
    """A reference architecture, with its digest in a space."""

    name: str
    genome: Genome
    digest: str


@lru_cache(REMEMBERED)
def space_of(chosen: SpacePlan) -> Space:
    """Return the space of genomes, with every class it contains."""
    return Space.of(chosen.classes, **chosen.model_dump(exclude={"classes", "levels"}))


@lru_cache(REMEMBERED)
def baselines_of(chosen: SpacePlan) -> tuple[Baseline, ...]:
    """Return the reference architectures that a space can express."""
    space = space_of(chosen)
    found = []
    for name, pattern in BASELINES.items():
        genome = Genome.of(named(pattern[n % len(pattern)]).id for n in range(space.depth))
        try:
            require_legal(genome, space)
        except ValueError:
            continue
        found.append(Baseline(name, genome, digest(genome, space)))
    return tuple(found)


@lru_cache(REMEMBERED)
def misfit(chosen: SpacePlan, shape: Shape) -> str:
    """Return why a class of a space cannot be built of heads of this shape, or nothing."""
    space = space_of(chosen)
    for liv_class in space.classes:
        try:
            shape.group_sizes(liv_class, space.featurizer(liv_class))
        except ValueError as error:
            return str(error)
    return ""
