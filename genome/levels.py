"""New classes: digit strings that nobody has named, drawn from all that the rules of `legality` admit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from genome.alphabet import (
    ChannelMixing,
    Expansion,
    FeatureTokenMixing,
    Normalisation,
    Repeat,
    Source,
    Sparsity,
)
from genome.catalogue import CLASSES, FEATURIZERS
from genome.legality import (
    EXPANSIONS,
    GENERATORS,
    NONLINEARITIES,
    REPEATS,
    SPARSITIES,
    feature_nonlinearities,
    illegal,
    illegal_group,
)
from genome.operator import FeaturizerGenome, GroupGenome, LIVClass, OperatorGenome
from genome.shape import Shape
from genome.space import Space

if TYPE_CHECKING:
    from numpy.random import Generator

T = TypeVar("T")


class Level(StrEnum):
    """Which digits vary: those of the backbone alone, of operators too, or of featurizers as well."""

    BACKBONE = "backbone"
    OPERATOR = "operator"
    FEATURIZER = "featurizer"


def random_space(level: Level, depth: int, classes: int, shape: Shape, rng: Generator, **options: Any) -> Space:
    """A space over classes drawn at this level, each of which fits the shape.

    At the level `backbone` they are rows of the catalogue; at `operator` a catalogue featurizer under operator digits
    drawn at random; at `featurizer` the digits of every feature group are drawn too.
    """
    if level is Level.BACKBONE:
        rows = [CLASSES[int(n)] for n in rng.permutation(len(CLASSES))]
        fitting = [row for row in rows if shape.fits(row, _featurizer(row.operator.featurizer))]
        return Space.of([row.name for row in fitting[:classes]], depth=depth, **options)
    drawn = [random_class(number, level, shape, rng) for number in range(1, classes + 1)]
    featurizers = {featurizer.id: featurizer for _, featurizer in drawn}
    return Space(tuple(row for row, _ in drawn), tuple(featurizers.values()), depth, **options)


def random_class(number: int, level: Level, shape: Shape, rng: Generator) -> tuple[LIVClass, FeaturizerGenome]:
    """A class of this id, with its featurizer, that the rules admit and the shape fits."""
    while True:
        structure = _pick([structure for structure, sparsities in SPARSITIES.items() if sparsities], rng)
        operator = OperatorGenome(
            number,
            structure,
            _pick(SPARSITIES[structure], rng),
            _pick(NONLINEARITIES[structure], rng),
            _pick(list(ChannelMixing), rng),
        )
        featurizer = _named(rng) if level is Level.OPERATOR else _random_featurizer(number, operator, rng)
        operator = replace(operator, featurizer=featurizer.id)
        differential = bool(rng.integers(2))
        digits = "".join(map(str, operator.digits[1:]))
        name = f"class {number} ({structure.name.lower()} {digits})"
        row = LIVClass(number, name, operator, differential, says="digits drawn at random")
        if illegal(operator, featurizer) is None and shape.fits(row, featurizer):
            return row, featurizer


def _random_featurizer(number: int, operator: OperatorGenome, rng: Generator) -> FeaturizerGenome:
    structure = operator.token_mixing
    shared = _pick(EXPANSIONS[structure].get("c", (Expansion.SAME,)), rng)
    return FeaturizerGenome(
        number, tuple((name, _legal_group(operator, name, shared, rng)) for name in operator.groups)
    )


def _legal_group(operator: OperatorGenome, name: str, shared: Expansion, rng: Generator) -> GroupGenome:
    """One that some featurizer can have: drawn group by group, as all of them are seldom legal at once."""
    while True:
        group = _random_group(operator, name, shared, rng)
        if illegal_group(operator, name, group) is None:
            return group


def _random_group(operator: OperatorGenome, name: str, shared: Expansion, rng: Generator) -> GroupGenome:
    """Each digit from its table; `shared` is the expansion that groups multiplied with each other have to agree on."""
    structure = operator.token_mixing
    source, generators = _pick([(s, g) for (known, s), g in GENERATORS.items() if known == name], rng)
    token = _pick(list(FeatureTokenMixing), rng)
    expansions = EXPANSIONS[structure].get(name, (Expansion.SAME,))
    return GroupGenome(
        source=source,
        channel=_pick(list(ChannelMixing), rng) if source is Source.PROJECTED else ChannelMixing.DIAGONAL,
        token=token,
        sparsity=Sparsity.BANDED if token is FeatureTokenMixing.TOEPLITZ else Sparsity.NONE,
        nonlinearity=_pick(feature_nonlinearities(operator, name), rng),
        expansion=shared if shared in expansions else _pick(expansions, rng),
        repeat=_pick(REPEATS.get(structure, {}).get(name, (Repeat.ONE,)), rng),
        generator=_pick(generators, rng),
        normalisation=_pick(list(Normalisation), rng),
    )


def _named(rng: Generator) -> FeaturizerGenome:
    return _pick(FEATURIZERS, rng)


def _featurizer(number: int) -> FeaturizerGenome:
    return next(featurizer for featurizer in FEATURIZERS if featurizer.id == number)


def _pick(options: Sequence[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]
