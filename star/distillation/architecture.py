"""The genome of a distilled model: the classes of some LIVs have modes in place of their long filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from genome import Blueprint, FeaturizerGenome, Genome, LIVClass, Space, decode, encode
from genome.catalogue import CLASSES, FEATURIZERS
from genome.variation.class_mutation import FIRST_INVENTED
from star.distillation.filters import FILTER
from star.distillation.orders import GENERATORS


def distilled(genome: Genome, space: Space, orders: Mapping[int, int]) -> tuple[Genome, Space]:
    """Return the genome whose LIVs have filters of these orders, by their positions, and the space with its classes.

    A class that the space or the catalogue has already keeps its id and its name.
    """
    blueprint = decode(genome, space)
    livs = list(blueprint.livs)
    for position, order in orders.items():
        liv = livs[position]
        filter = replace(liv.featurizer[FILTER], generator=GENERATORS[order])
        groups = tuple((name, filter if name == FILTER else group) for name, group in liv.featurizer.groups)
        space, row = _grown(space, liv.liv_class, FeaturizerGenome(liv.featurizer.id, groups), order)
        livs[position] = replace(liv, liv_class=row, featurizer=space.featurizer(row))
    return encode(Blueprint(tuple(livs), blueprint.depth), space), space


def _grown(space: Space, row: LIVClass, featurizer: FeaturizerGenome, order: int) -> tuple[Space, LIVClass]:
    """Return the space with the class of these digits, and the class; `row` is the class that it comes from."""
    known = space.like(row, featurizer)
    if known is not None:
        return space, space[known]
    description = f"{row.name} with its filters distilled into {order // 2} pairs of modes; decodes by exact recurrence"
    named = Space(CLASSES, FEATURIZERS, depth=1).like(row, featurizer)
    for published in (one for one in CLASSES if one.id == named and one.id not in space):
        own = next(one for one in FEATURIZERS if one.id == published.operator.featurizer)
        if all(one.id != own.id or one == own for one in space.featurizers):
            found = replace(published, description=description)
            return space.grown(found, own), found
    number = max(FIRST_INVENTED - 1, *(one.id for one in space.classes)) + 1
    digits = replace(featurizer, id=max(FIRST_INVENTED - 1, *(one.id for one in space.featurizers)) + 1)
    operator = replace(row.operator, featurizer=digits.id)
    found = LIVClass(number, f"{row.name}-Modes-{order}", operator, row.differential, "distilled", description)
    return space.grown(found, digits), found
