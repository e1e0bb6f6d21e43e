"""The rules that a legal genome satisfies, and the repair of an illegal genome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from genome.classes.alphabet import Expansion, Nonlinearity, Source
from genome.classes.operator import LIVClass
from genome.genome import SKIPPED, Genome, Segment, features_genes, weights_genes
from genome.space import Space

if TYPE_CHECKING:
    from numpy.random import Generator

T = TypeVar("T")

_POSITIVE = (Nonlinearity.NORMALISED,)
"""Nonlinearities of operators that need positive features, and so cannot take those of other operators."""


class Breach(NamedTuple):
    """An illegal gene: the position of its LIV, its name, and the reason."""

    position: int
    gene: str
    why: str


class Repaired(NamedTuple):
    """A legal genome and the number of genes that were changed to make it legal."""

    genome: Genome
    changed: int


def breaches(genome: Genome, space: Space) -> list[Breach]:
    """List every reason why a genome is not legal in a space, in the order of its segments."""
    found = []
    if len(genome.segments) != space.depth:
        found.append(Breach(0, "depth", f"the genome has {len(genome.segments)} LIVs; the space has {space.depth}"))
    if all(segment.liv_class == 0 for segment in genome.segments):
        found.append(Breach(0, "class", "every LIV is skipped; at least one must be an operator"))
    for position, segment in enumerate(genome.segments):
        earlier = tuple(other for other in genome.segments[:position] if other.liv_class in space and other.liv_class)
        found += [Breach(position, gene, why) for gene, why in _illegal_genes(segment, earlier, space)]
    return found


def require_legal(genome: Genome, space: Space) -> None:
    """Refuse a genome that is not legal in a space.

    Raises:
        ValueError: the message names the first illegal gene, its segment, and the legal values.
    """
    found = breaches(genome, space)
    if found:
        position, gene, why = found[0]
        more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
        raise ValueError(f"segment {position + 1}, {gene}: {why}{more}")


def repair(genome: Genome, space: Space, rng: Generator) -> Repaired:
    """Redraw each illegal gene among its legal values; a legal genome stays unchanged."""
    segments: list[Segment] = []
    padded = genome.segments[: space.depth] + (Segment(-1),) * (space.depth - len(genome.segments))
    for segment in padded:
        segments.append(_repaired_segment(segment, tuple(segments), space, rng))
    if all(segment.liv_class == 0 for segment in segments):
        segments[0] = Segment(_pick([c for c in space.choices if c != 0], rng))
    pairs = zip(padded, segments, strict=True)
    changed = sum(a != b for old, new in pairs for a, b in zip(old, new, strict=True))
    return Repaired(Genome(tuple(segments)), changed)


def _illegal_genes(segment: Segment, earlier: tuple[Segment, ...], space: Space) -> list[tuple[str, str]]:
    if segment.liv_class not in space:
        legal = ", ".join(map(str, space.choices))
        return [("class", f"{segment.liv_class} is not in the space; legal: {legal}")]
    if segment.liv_class == 0:
        return [] if segment == SKIPPED else [("sharing", "a skipped LIV shares nothing: its genes must be 0.1.1.1.1")]
    weights = _weights_fault(segment, earlier, space)
    features = _features_fault(segment, earlier, space)
    return [fault for fault in (weights, features) if fault]


def _weights_fault(segment: Segment, earlier: tuple[Segment, ...], space: Space) -> tuple[str, str] | None:
    label, strategy = weights_genes(segment)
    fault = _range_fault("featurizer-sharing", label, strategy, 2 if space.share_weights else 1, space)
    if fault or strategy == 1:
        return fault
    first = _first(label, [s for s in earlier if s.weights_strategy != 1], lambda s: s.weights_group)
    if first and first.liv_class != segment.liv_class:
        return (
            "featurizer-sharing group",
            f"group {label} belongs to class {first.liv_class}; class {segment.liv_class} cannot join it",
        )
    return None


def _features_fault(segment: Segment, earlier: tuple[Segment, ...], space: Space) -> tuple[str, str] | None:
    label, strategy = features_genes(segment)
    own = space[segment.liv_class]
    strategies = own.operator.strategies
    fault = _range_fault("feature-sharing", label, strategy, len(strategies) if space.share_features else 1, space)
    if fault or strategy == 1:
        return fault
    first = _first(label, [s for s in earlier if s.features_strategy != 1], lambda s: s.features_group)
    if not first:
        return None
    if first.features_strategy != strategy:
        return ("feature-sharing strategy", f"group {label} has strategy {first.features_strategy}, not {strategy}")
    taken = strategies[strategy - 1]
    if not _sees_its_input(own, taken, space):
        return (
            "feature-sharing strategy",
            f"{strategy} takes {', '.join(taken)}, all that {own.name} computes from its own input",
        )
    if _follows_keys(own, space) and "v" in taken and "b" not in taken:
        return ("feature-sharing strategy", f"{strategy} takes v, which follows from b in {own.name}: take b with it")
    other = space[first.liv_class]
    if not _interchangeable(own, other, taken, space):
        return (
            "feature-sharing group",
            f"group {label} holds features of {other.name}; those of {own.name} differ in structure, heads or widths",
        )
    return None


def _range_fault(what: str, label: int, strategy: int, strategies: int, space: Space) -> tuple[str, str] | None:
    if not 1 <= label <= space.depth:
        return (f"{what} group", f"{label} is out of range; legal: 1 to {space.depth}")
    if not 1 <= strategy <= strategies:
        legal = "1 (none)" if strategies == 1 else f"1 to {strategies}"
        return (f"{what} strategy", f"{strategy} is out of range; legal here: {legal}")
    return None


def _first(label: int, sharing: list[Segment], group: Callable[[Segment], int]) -> Segment | None:
    return next((segment for segment in sharing if group(segment) == label), None)


def _sees_its_input(liv_class: LIVClass, taken: tuple[str, ...], space: Space) -> bool:
    """Return whether any group is still projected from the input; otherwise the output does not depend on it."""
    groups = space.featurizer(liv_class).groups
    return any(group.source is Source.PROJECTED for name, group in groups if name not in taken)


def _follows_keys(liv_class: LIVClass, space: Space) -> bool:
    """Return whether the values are channels of the keys, so that they cannot be taken without the keys."""
    return space.featurizer(liv_class)["v"].expansion is Expansion.LATENT


def _interchangeable(own: LIVClass, other: LIVClass, taken: tuple[str, ...], space: Space) -> bool:
    """Return whether these feature groups of one class can replace those of the other class."""
    operators = [
        (
            operator.token_mixing,
            operator.channel_mixing,
            operator.sparsity,
            operator.nonlinearity in _POSITIVE,
            differential,
        )
        for operator, differential in ((row.operator, row.differential) for row in (own, other))
    ]
    if operators[0] != operators[1]:
        return False
    groups = [
        [
            (row[g].source, row[g].expansion, row[g].repeat, row[g].generator, row[g].by_route)
            for g in row.with_routes(taken)
        ]
        for row in (space.featurizer(own), space.featurizer(other))
    ]
    return groups[0] == groups[1]


def _repaired_segment(segment: Segment, earlier: tuple[Segment, ...], space: Space, rng: Generator) -> Segment:
    if segment.liv_class not in space:
        segment = segment._replace(liv_class=_pick(list(space.choices), rng))
    if segment.liv_class == 0:
        return SKIPPED
    if _weights_fault(segment, earlier, space):
        segment = _pick(_legal_weights(segment, earlier, space), rng)
    if _features_fault(segment, earlier, space):
        segment = _pick(_legal_features(segment, earlier, space), rng)
    return segment


def _legal_weights(segment: Segment, earlier: tuple[Segment, ...], space: Space) -> list[Segment]:
    options = [segment._replace(weights_group=1, weights_strategy=1)]
    options += [segment._replace(weights_group=label, weights_strategy=2) for label in _labels(space)]
    return [option for option in options if not _weights_fault(option, earlier, space)]


def _legal_features(segment: Segment, earlier: tuple[Segment, ...], space: Space) -> list[Segment]:
    options = [segment._replace(features_group=1, features_strategy=1)]
    strategies = space[segment.liv_class].operator.strategies
    for label in _labels(space):
        for strategy in range(2, len(strategies) + 1):
            options.append(segment._replace(features_group=label, features_strategy=strategy))
    return [option for option in options if not _features_fault(option, earlier, space)]


def _labels(space: Space) -> range:
    return range(1, min(space.groups, space.depth) + 1)


def _pick(options: list[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]
