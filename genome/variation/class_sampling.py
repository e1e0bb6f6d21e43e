"""Sampling of classes: random digits that satisfy the rules of `genome.classes.rules`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from genome.catalogue import CLASSES, FEATURIZERS
from genome.classes.alphabet import ChannelMixing, Expansion, FeatureTokenMixing, Sparsity
from genome.classes.choices import (
    CHANNEL_MIXINGS,
    FIXED_GROUPS,
    GENERATORS,
    NONLINEARITIES,
    SPARSITIES,
    channels,
    expansions,
    feature_nonlinearities,
    normalisations,
    repeats,
    token_mixings,
)
from genome.classes.feature_groups import OPTIONAL
from genome.classes.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome
from genome.classes.optional_groups import BESIDE, FITTING
from genome.classes.rules import illegal, reasons
from genome.shape import Shape
from genome.space import Space

if TYPE_CHECKING:
    from numpy.random import Generator

T = TypeVar("T")

MOST_REDRAWS = 200
"""The number of groups that are redrawn before a featurizer that is not legal is discarded."""


class Level(StrEnum):
    """The digits that vary: those of the backbone, also those of operators, or also those of featurizers."""

    BACKBONE = "backbone"
    OPERATOR = "operator"
    FEATURIZER = "featurizer"


def random_space(level: Level, depth: int, classes: int, shape: Shape, rng: Generator, **options: Any) -> Space:
    """Make a space over classes drawn at this level, each of which fits the shape.

    At the level `backbone` the classes are rows of the catalogue; at `operator` they have random operator digits and a
    featurizer of the catalogue; at `featurizer` the digits of every feature group are random too.
    """
    if level is Level.BACKBONE:
        rows = [CLASSES[int(n)] for n in rng.permutation(len(CLASSES))]
        fitting = [row for row in rows if shape.fits(row, _featurizer(row.operator.featurizer))]
        return Space.of([row.name for row in fitting[:classes]], depth=depth, **options)
    drawn = [random_class(number, level, shape, rng) for number in range(1, classes + 1)]
    featurizers = {featurizer.id: featurizer for _, featurizer in drawn}
    return Space(tuple(row for row, _ in drawn), tuple(featurizers.values()), depth, **options)


def random_class(number: int, level: Level, shape: Shape, rng: Generator) -> tuple[LIVClass, FeaturizerGenome]:
    """Draw a class of this id, with its featurizer, that satisfies the rules and fits the shape.

    The structure is drawn once, before the other digits: redrawing it would favour structures with few rules.
    """
    structure = _pick(tuple(SPARSITIES), rng)
    while True:
        operator = OperatorGenome(
            number,
            structure,
            _pick(SPARSITIES[structure], rng),
            _pick(NONLINEARITIES[structure], rng),
            _pick(CHANNEL_MIXINGS[structure], rng),
        )
        featurizer = _pick(FEATURIZERS, rng) if level is Level.OPERATOR else _random_featurizer(number, operator, rng)
        operator = replace(operator, featurizer=featurizer.id)
        differential = bool(rng.integers(2))
        digits = "".join(map(str, operator.digits[1:]))
        name = f"class {number} ({structure.name.lower()} {digits})"
        row = LIVClass(number, name, operator, differential, description="digits drawn at random")
        if illegal(operator, featurizer) is None and shape.fits(row, featurizer):
            return row, featurizer


def _random_featurizer(number: int, operator: OperatorGenome, rng: Generator) -> FeaturizerGenome:
    """Draw all groups, then redraw one at a time, keeping a draw that breaks no more rules, until none is broken.

    Groups that are all drawn at once seldom fit each other: five groups are legal once in thousands of draws.
    """
    shared = _pick(expansions(operator, "c"), rng)
    fitting = (name for name in OPTIONAL[operator.token_mixing] if FITTING.get(name, shared) is shared)
    optional = tuple(name for name in fitting if rng.integers(2))
    names = (*operator.groups, *optional)
    wanted = dict.fromkeys(names, shared)
    for name in optional:
        beside = BESIDE.get(name, {}).items()
        wanted |= {other: digits["expansion"] for other, digits in beside if "expansion" in digits}
    groups = {name: _random_group(operator, name, wanted[name], rng) for name in names}
    featurizer = FeaturizerGenome(number, tuple(groups.items()))
    broken = len(reasons(operator, featurizer))
    for _ in range(MOST_REDRAWS):
        if not broken:
            break
        name = _pick(names, rng)
        trial = {**groups, name: _random_group(operator, name, wanted[name], rng)}
        candidate = FeaturizerGenome(number, tuple(trial.items()))
        found = len(reasons(operator, candidate))
        if found <= broken:
            groups, featurizer, broken = trial, candidate, found
    return featurizer


def _random_group(operator: OperatorGenome, name: str, shared: Expansion, rng: Generator) -> GroupGenome:
    """Draw each digit from its table; `shared` is the expansion of groups that are multiplied with each other.

    A generator in `FIXED_GROUPS` fixes all digits of its group.
    """
    source, generators = _pick([(s, g) for (known, s), g in GENERATORS.items() if known == name], rng)
    fitting = [
        one for one in generators if one not in FIXED_GROUPS or FIXED_GROUPS[one].expansion in (shared, Expansion.SAME)
    ]
    generator = _pick(fitting, rng)
    if generator in FIXED_GROUPS:
        return FIXED_GROUPS[generator]
    legal = expansions(operator, name)
    expansion = shared if shared in legal else _pick(legal, rng)
    plain = GroupGenome(
        source=source,
        channel=ChannelMixing.DIAGONAL,
        expansion=expansion,
        repeat=_pick(repeats(operator, name), rng),
        generator=generator,
        normalisation=_pick(normalisations(operator, name), rng),
    )
    if plain.constant:
        return plain
    token = _pick(token_mixings(name), rng)
    return replace(
        plain,
        channel=_pick(channels(name, expansion, plain.repeat), rng),
        token=token,
        sparsity=Sparsity.NONE if token is FeatureTokenMixing.NONE else Sparsity.BANDED,
        nonlinearity=_pick(feature_nonlinearities(operator, name), rng),
    )


def _featurizer(number: int) -> FeaturizerGenome:
    return next(featurizer for featurizer in FEATURIZERS if featurizer.id == number)


def _pick(options: Sequence[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]
