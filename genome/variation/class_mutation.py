"""Mutation of classes: one digit of a class is changed or, less often, all digits are redrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from genome.classes.choices import CHANNEL_MIXINGS, NONLINEARITIES, SPARSITIES
from genome.classes.feature_groups import GROUP_MEANING, OPTIONAL
from genome.classes.operator import GROUP_ALPHABETS, FeaturizerGenome, GroupGenome, LIVClass
from genome.classes.optional_groups import ADDED, BESIDE
from genome.classes.rules import illegal
from genome.genome import Genome
from genome.repair import Repaired, repair
from genome.shape import Shape
from genome.space import Space
from genome.variation.class_sampling import Level, random_class

if TYPE_CHECKING:
    from numpy.random import Generator

FIRST_INVENTED = 1001
"""The first id of classes made by a search; ids of the catalogue are smaller."""

REDRAWN_SHARE = 0.2
"""Share of new classes whose digits are all redrawn; the others differ from a known class in one digit."""


def invent(
    genome: Genome, space: Space, level: Level, shape: Shape, rng: Generator, rate: float
) -> tuple[Repaired, Space]:
    """Give each LIV, with probability `rate`, a mutated class; return the genome and the space with the new classes."""
    segments = list(genome.segments)
    for position, segment in enumerate(segments):
        if segment.liv_class != 0 and rng.random() < rate:
            row, featurizer = _mutated(space[segment.liv_class], space, level, shape, rng)
            space, number = grown(space, row, featurizer)
            segments[position] = segment._replace(liv_class=number)
    repaired, changed = repair(Genome(tuple(segments)), space, rng)
    return Repaired(repaired.canonical(), changed), space


def grown(space: Space, row: LIVClass, featurizer: FeaturizerGenome) -> tuple[Space, int]:
    """Return the space with this class added, and the id of the class; a class with these digits keeps its id."""
    known = space.like(row, featurizer)
    if known is not None:
        return space, known
    number = max(FIRST_INVENTED - 1, *(one.id for one in space.classes)) + 1
    used = next((one for one in space.featurizers if one.groups == featurizer.groups), None)
    if used is None:
        used = replace(featurizer, id=max(FIRST_INVENTED - 1, *(one.id for one in space.featurizers)) + 1)
    operator = replace(row.operator, featurizer=used.id)
    invented = LIVClass(number, f"X{number}", operator, row.differential, "found by search", row.description)
    return space.grown(invented, used), number


def _mutated(
    row: LIVClass, space: Space, level: Level, shape: Shape, rng: Generator
) -> tuple[LIVClass, FeaturizerGenome]:
    """Redraw all digits or one digit of a class; a class that no change of one digit keeps legal stays the same."""
    featurizer = space.featurizer(row)
    if rng.random() < REDRAWN_SHARE:
        return random_class(row.id, level, shape, rng)
    options = list(_neighbours(row, featurizer, level))
    for n in rng.permutation(len(options)):
        near, near_featurizer = options[int(n)]
        if illegal(near.operator, near_featurizer) is None and shape.fits(near, near_featurizer):
            return near, near_featurizer
    return row, featurizer


def _neighbours(
    row: LIVClass, featurizer: FeaturizerGenome, level: Level
) -> Iterator[tuple[LIVClass, FeaturizerGenome]]:
    """Yield every class that differs in one digit, whether it is legal or not."""
    structure = row.operator.token_mixing
    yield _described(row, "differential", not row.differential, differential=not row.differential), featurizer
    alphabets: dict[str, Any] = {
        "sparsity": SPARSITIES[structure],
        "nonlinearity": NONLINEARITIES[structure],
        "channel_mixing": CHANNEL_MIXINGS[structure],
    }
    for name, alphabet in alphabets.items():
        for digit in alphabet:
            if digit is not getattr(row.operator, name):
                yield _described(row, name, digit, operator=replace(row.operator, **{name: digit})), featurizer
    if level is not Level.FEATURIZER:
        return
    for name in OPTIONAL[structure]:
        yield _described(row, f"group {name}", name not in featurizer.names), _toggled(featurizer, name)
    for place, (group, genome) in enumerate(featurizer.groups):
        for name, alphabet in GROUP_ALPHABETS.items():
            for digit in alphabet:
                if digit is not getattr(genome, name):
                    groups = list(featurizer.groups)
                    groups[place] = (group, replace(genome, **{name: digit}))
                    yield _described(row, f"{group} {name}", digit), replace(featurizer, groups=tuple(groups))


def _toggled(featurizer: FeaturizerGenome, name: str) -> FeaturizerGenome:
    """Remove the optional group of this name, or add it with what it needs, in the order of `GROUP_MEANING`."""
    groups = dict(featurizer.groups)
    added = groups.pop(name, None) is None
    if added:
        groups[name] = ADDED[name]
    for other, digits in BESIDE.get(name, {}).items():
        changes = digits if added else {digit: getattr(GroupGenome(), digit) for digit in digits}
        groups[other] = replace(groups[other], **changes)
    return replace(featurizer, groups=tuple((one, groups[one]) for one in GROUP_MEANING if one in groups))


def _described(row: LIVClass, what: str, value: Any, **changes: Any) -> LIVClass:
    return replace(row, description=f"{row.name} with {what} {getattr(value, 'name', str(value)).lower()}", **changes)
